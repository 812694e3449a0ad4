{{/* What would go wrong later without a word, refused before anything is made. Without a cluster (helm template) nothing is looked up. */}}
{{- define "corebound.checks" -}}
{{- if and .Values.preflight (lookup "v1" "Namespace" "" "kube-system") }}
{{- /* Once made, the volume has its class: a default that has gone since is no reason to refuse an upgrade. */}}
{{- if .Release.IsInstall }}
{{- include "corebound.checkStorage" . }}
{{- end }}
{{- include "corebound.checkOthers" . }}
{{- end }}
{{- end }}

{{- define "corebound.checkStorage" -}}
{{- $database := .Values.database }}
{{- if not (or $database.external.existingSecret $database.embedded.storageClassName) }}
{{- $default := "" }}
{{- $names := list }}
{{- range (lookup "storage.k8s.io/v1" "StorageClass" "" "").items }}
{{- $names = append $names .metadata.name }}
{{- if eq "true" (get (.metadata.annotations | default dict) "storageclass.kubernetes.io/is-default-class") }}
{{- $default = .metadata.name }}
{{- end }}
{{- end }}
{{- if not $default }}
{{- fail (printf "found no default StorageClass for the database's volume, only [%s]; set database.embedded.storageClassName, or use a server of your own with database.external.existingSecret" (join ", " $names)) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "corebound.checkOthers" -}}
{{- $mine := .Values.namespaces }}
{{- $release := .Release }}
{{- range (lookup "apps/v1" "Deployment" "" "").items }}
{{- $labels := .metadata.labels | default dict }}
{{- $is_ours := and (eq $release.Name (get $labels "app.kubernetes.io/instance")) (eq $release.Namespace .metadata.namespace) }}
{{- if and (eq "corebound-operator" (get $labels "app.kubernetes.io/name")) (not $is_ours) }}
{{- $theirs := compact (splitList "," (get (.metadata.annotations | default dict) "corebound.dev/namespaces")) }}
{{- $shared := list }}
{{- range $mine }}{{ if has . $theirs }}{{ $shared = append $shared . }}{{ end }}{{ end }}
{{- if or (not $mine) (not $theirs) $shared }}
{{- $who := printf "the release %s in the namespace %s" (get $labels "app.kubernetes.io/instance") .metadata.namespace }}
{{- $what := $shared | join ", " | default (ternary "the whole cluster" (join ", " $theirs) (empty $theirs)) }}
{{- fail (printf "found %s, which serves %s already; two operators on one campaign would work against each other: give each release namespaces of its own, or uninstall one" $who $what) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
