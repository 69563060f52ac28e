{{/* What the operator may do, in one namespace or in all. It reads no Secret. */}}
{{- define "feedfleet.operatorRules" -}}
- apiGroups: [feedfleet.dev]
  resources: [feedsubscriptions, feedfleets]
  verbs: [get, list, watch]
- apiGroups: [feedfleet.dev]
  resources: [feedsubscriptions/status, feedfleets/status]
  verbs: [get, patch, update]
{{- if .Values.defaultFleet.enabled }}
- apiGroups: [feedfleet.dev]
  resources: [feedfleets]
  verbs: [create]
{{- end }}
- apiGroups: [""]
  resources: [configmaps, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
# patch: an annotation whose change makes the kubelet refresh a pod's assignment at once
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, patch]
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
