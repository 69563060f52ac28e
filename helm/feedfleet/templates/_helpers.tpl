{{- define "feedfleet.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* At most 40 characters, so that every suffix still fits a Service's name. */}}
{{- define "feedfleet.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- $name := include "feedfleet.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "feedfleet.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "feedfleet.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "feedfleet.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
app.kubernetes.io/name: {{ include "feedfleet.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: feedfleet
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Takes a list: the root, the component. */}}
{{- define "feedfleet.labels" -}}
{{ include "feedfleet.commonLabels" (first .) }}
app.kubernetes.io/component: {{ last . }}
{{- end }}

{{/* Takes a list: the root, the component. */}}
{{- define "feedfleet.selector" -}}
app.kubernetes.io/name: {{ include "feedfleet.name" (first .) }}
app.kubernetes.io/instance: {{ (first .).Release.Name }}
app.kubernetes.io/component: {{ last . }}
{{- end }}

{{/* Without versions, so that an upgrade replaces no pod whose own image and settings stay. Takes a list: the root, the component. */}}
{{- define "feedfleet.podLabels" -}}
{{ include "feedfleet.selector" . }}
app.kubernetes.io/part-of: feedfleet
{{- end }}

{{/* Takes a map with repository, tag and digest. */}}
{{- define "feedfleet.reference" -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag }}{{ end }}
{{- end }}

{{- define "feedfleet.image" -}}
{{- $image := .Values.image -}}
{{ include "feedfleet.reference" (dict "repository" $image.repository "digest" $image.digest "tag" (default .Chart.AppVersion $image.tag)) }}
{{- end }}

{{/* A connector's own tag is not overruled by the digest of the image it departs from. */}}
{{- define "feedfleet.connectorImage" -}}
{{- $own := .Values.connector.image -}}
{{- $digest := $own.digest -}}
{{- if not (or $own.repository $own.tag $own.digest) }}{{ $digest = .Values.image.digest }}{{ end -}}
{{ include "feedfleet.reference" (dict "repository" (default .Values.image.repository $own.repository) "digest" $digest "tag" (coalesce $own.tag .Values.image.tag .Chart.AppVersion)) }}
{{- end }}

{{/* The default Redis as a URL; empty where a Secret has it, or nobody. */}}
{{- define "feedfleet.redisUrl" -}}
{{- if .Values.redis.embedded.enabled -}}
redis://{{ include "feedfleet.fullname" . }}-redis.{{ .Release.Namespace }}.svc:6379/0
{{- else -}}
{{ .Values.redis.url }}
{{- end }}
{{- end }}

{{/* What all pods of the chart share, to be included in a pod's spec. Takes a list: the root, the user's number. */}}
{{- define "feedfleet.podBasics" -}}
{{- $root := first . -}}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ last . }}
  runAsGroup: {{ last . }}
  fsGroup: {{ last . }}
  seccompProfile:
    type: RuntimeDefault
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "feedfleet.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* What a schema cannot say. Messages quote no value: a URL may hold a password. */}}
{{- define "feedfleet.validate" -}}
{{- $redis := .Values.redis }}
{{- $given := list }}
{{- if $redis.url }}{{ $given = append $given "redis.url" }}{{ end }}
{{- if $redis.existingSecret.name }}{{ $given = append $given "redis.existingSecret.name" }}{{ end }}
{{- if $redis.embedded.enabled }}{{ $given = append $given "redis.embedded.enabled" }}{{ end }}
{{- if gt (len $given) 1 }}
{{- fail (printf "%s are all given; allowed: one of them" (join ", " $given)) }}
{{- end }}
{{- if regexMatch "(?i)@|(user|username|pass|password)=" $redis.url }}
{{- fail "redis.url holds credentials; allowed: a URL without them, or redis.existingSecret with a Secret that holds the whole URL" }}
{{- end }}
{{- if and $redis.url (not (regexMatch "^rediss?://[^/?#[:space:]]+(/[0-9]{0,3})?([?][a-zA-Z0-9_=&./-]*)?$" $redis.url)) }}
{{- fail "redis.url is not a Redis URL; allowed: redis://HOST:PORT/DB or rediss://HOST:PORT/DB" }}
{{- end }}
{{- end }}

{{/* What belongs into a FeedFleet's endpoint. Takes a list: the root, the exchange's place among the simulated, its name. */}}
{{- define "feedfleet.simulatedEndpoint" -}}
{{- $root := first . -}}
{{- $paths := dict "binance" "/stream" "okx" "/ws/v5/public" -}}
ws://{{ include "feedfleet.fullname" $root }}-simulators.{{ $root.Release.Namespace }}.svc:{{ add $root.Values.simulators.port (index . 1) }}{{ get $paths (last .) }}
{{- end }}
