{{/* The operator's settings file; its names are those of docs/operator.md. */}}
{{- define "corebound.settings" -}}
namespaces: {{ toJson .Values.namespaces }}
heartbeatSeconds: {{ .Values.operator.heartbeatSeconds }}
ledgerRetentionDays: {{ .Values.operator.ledgerRetentionDays }}
isolation: {{ .Values.database.isolation }}
logFormat: {{ .Values.operator.logFormat }}
{{- with .Values.defaultPool }}
defaultPool: {{ toJson . }}
{{- end }}
trialDefaults:
  image: {{ include "corebound.image" (dict "image" .Values.images.trial "root" .) }}
  imagePullPolicy: {{ .Values.images.pullPolicy }}
  imagePullSecrets: {{ toJson .Values.trialDefaults.imagePullSecrets }}
  nodeSelector: {{ toJson .Values.trialDefaults.nodeSelector }}
  tolerations: {{ toJson .Values.trialDefaults.tolerations }}
  {{- with .Values.trialDefaults.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  runAsUser: {{ .Values.trialDefaults.runAsUser | int }}
  readOnlyRoot: {{ .Values.trialDefaults.readOnlyRoot }}
  scratch: {{ .Values.trialDefaults.scratch | quote }}
{{- end }}
