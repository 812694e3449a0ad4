{{/* The release's name before everything it makes; at most 40 characters, so that suffixes fit. */}}
{{- define "corebound.name" -}}
{{- if contains "corebound" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-corebound" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "corebound.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: corebound
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "corebound.selector" . }}
{{- end }}

{{- define "corebound.selector" -}}
app.kubernetes.io/name: {{ .component }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Of pods that an upgrade need not touch: with the chart's version each would be started anew. */}}
{{- define "corebound.podLabels" -}}
app.kubernetes.io/part-of: corebound
{{ include "corebound.selector" . }}
{{- end }}

{{- define "corebound.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* It has no namespace, and releases of one name may be in several. */}}
{{- define "corebound.priorityClass" -}}
{{ include "corebound.name" . }}.{{ .Release.Namespace }}
{{- end }}

{{/* Not corebound-database, whatever the release is called: so the operator names the logins that workers get. */}}
{{- define "corebound.databaseSecret" -}}
{{ .Values.database.external.existingSecret | default .Values.database.embedded.existingSecret | default (printf "%s-postgresql" (include "corebound.name" .)) }}
{{- end }}

{{- define "corebound.databaseKey" -}}
{{ if .Values.database.external.existingSecret }}{{ .Values.database.external.key }}{{ else }}url{{ end }}
{{- end }}

{{- define "corebound.restricted" -}}
runAsNonRoot: true
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "corebound.restrictedContainer" -}}
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
readOnlyRootFilesystem: true
{{- end }}

{{/* The nodes of pods: what the values of a part say of labels and taints. */}}
{{- define "corebound.placement" -}}
nodeSelector: {{ toJson .nodeSelector }}
tolerations: {{ toJson .tolerations }}
{{- end }}

{{/* How the pods of a namespace pull: a Secret is only in its own, so that elsewhere those of trials count. */}}
{{- define "corebound.pullSecrets" -}}
{{- $values := .root.Values }}
{{- with ternary $values.images.pullSecrets $values.trialDefaults.imagePullSecrets (eq .namespace .root.Release.Namespace) }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}
