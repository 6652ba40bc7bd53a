{{/* What all objects and pods have in common. Those of one service are made from (dict "root" $ "service" "exporter"). */}}

{{- define "evenkeel.name" -}}
{{ .root.Release.Name }}-{{ .service }}
{{- end }}

{{- define "evenkeel.selector" -}}
app.kubernetes.io/name: evenkeel-{{ .component | default .service }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- if .component }}
evenkeel.dev/server: {{ .service }}
{{- end }}
{{- end }}

{{- define "evenkeel.labels" -}}
{{ include "evenkeel.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: evenkeel
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "evenkeel.metadata" -}}
name: {{ include "evenkeel.name" . }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "evenkeel.labels" . | nindent 2 }}
{{- end }}

{{/* An account that the Kubernetes API grants nothing; annotations are for IRSA. */}}
{{- define "evenkeel.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "evenkeel.metadata" . | nindent 2 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}

{{/* The pod but its containers and volumes: restricted, without a token, written files owned by its group. */}}
{{- define "evenkeel.pod" -}}
serviceAccountName: {{ .account | default (include "evenkeel.name" .) }}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The container's image, confinement, resources, settings and secrets (by reference). */}}
{{- define "evenkeel.container" -}}
image: {{ .image }}
imagePullPolicy: {{ .root.Values.imagePullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
resources:
  {{- toYaml .resources | nindent 2 }}
{{- with merge (dict) (.env | default dict) .root.Values.settings }}
env:
  {{- range $name, $value := . }}
  - {name: {{ $name }}, value: {{ $value | quote }}}
  {{- end }}
{{- end }}
{{- $secrets := without (list .root.Values.secret .secret) "" nil | uniq }}
{{- with $secrets }}
envFrom:
  {{- range . }}
  - secretRef: {name: {{ . }}}
  {{- end }}
{{- end }}
{{- end }}

{{/* Spread over zones and nodes where there are several. */}}
{{- define "evenkeel.spread" -}}
topologySpreadConstraints:
  {{- $context := . }}
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "evenkeel.selector" $context | nindent 8 }}
  {{- end }}
{{- end }}

{{- define "evenkeel.probes" -}}
readinessProbe:
  httpGet: {path: {{ .ready }}, port: http}
  periodSeconds: 5
livenessProbe:
  httpGet: {path: {{ .alive }}, port: http}
  periodSeconds: 10
  failureThreshold: 6
{{- end }}
