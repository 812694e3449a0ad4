{{- define "corebound.dnsEgress" -}}
- ports:
    {{- range .Values.networkPolicies.dns.ports }}
    - {port: {{ . }}, protocol: UDP}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: {{ .Values.networkPolicies.dns.namespace }}}
      podSelector:
        matchLabels: {{ toJson .Values.networkPolicies.dns.labels }}
    {{- range .Values.networkPolicies.dns.ipBlocks }}
    - ipBlock: {{ toJson . }}
    {{- end }}
{{- end }}

{{- define "corebound.databaseEgress" -}}
- ports: [{port: {{ if .Values.database.external.existingSecret }}{{ .Values.database.external.port }}{{ else }}5432{{ end }}, protocol: TCP}]
  {{- if not .Values.database.external.existingSecret }}
  to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: {{ .Release.Namespace }}}
      podSelector:
        matchLabels: {{- include "corebound.selector" (merge (dict "component" "corebound-postgresql") .) | nindent 10 }}
  {{- else if .Values.database.external.ipBlock }}
  to:
    - ipBlock: {{ toJson .Values.database.external.ipBlock }}
  {{- end }}
{{- end }}
