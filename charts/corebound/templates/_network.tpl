{{- define "corebound.dnsEgress" -}}
- ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
  to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: {{ .Values.networkPolicies.dns.namespace }}}
      podSelector:
        matchLabels: {{ toJson .Values.networkPolicies.dns.labels }}
{{- end }}

{{- define "corebound.databaseEgress" -}}
- ports: [{port: 5432, protocol: TCP}]
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
