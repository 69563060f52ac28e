{{/* After the operator and its rights are gone, so that it brings nothing back. Takes a list: the root, the order. */}}
{{- define "feedfleet.cleanupMetadata" -}}
name: {{ include "feedfleet.fullname" (first .) }}-cleanup
labels:
  {{- include "feedfleet.labels" (list (first .) "cleanup") | nindent 2 }}
annotations:
  helm.sh/hook: post-delete
  helm.sh/hook-weight: {{ last . | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- define "feedfleet.cleanupRules" -}}
- apiGroups: [""]
  resources: [configmaps, services]
  verbs: [list, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [list, delete]
{{- end }}

{{/* Takes a list: the root, the kind of the role. */}}
{{- define "feedfleet.cleanupBinding" -}}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ last . }}
  name: {{ include "feedfleet.fullname" (first .) }}-cleanup
subjects:
  - kind: ServiceAccount
    name: {{ include "feedfleet.fullname" (first .) }}-cleanup
    namespace: {{ (first .).Release.Namespace }}
{{- end }}
