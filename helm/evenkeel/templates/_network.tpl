{{/* Rules of NetworkPolicies. */}}

{{- define "evenkeel.to-dns" -}}
- to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: kube-system}
      podSelector:
        matchLabels: {k8s-app: kube-dns}
  ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
{{- end }}

{{/* DNS and, as each cluster says it, the bucket. */}}
{{- define "evenkeel.to-bucket" -}}
{{ include "evenkeel.to-dns" . }}
{{- with .root.Values.network.bucket }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "evenkeel.prometheus" -}}
- namespaceSelector:
    matchLabels: {kubernetes.io/metadata.name: {{ .root.Values.network.prometheus }}}
  podSelector:
    matchLabels: {app.kubernetes.io/name: prometheus}
{{- end }}

{{/* The pod of `helm test`. */}}
{{- define "evenkeel.test" -}}
- podSelector:
    matchLabels:
      {{- include "evenkeel.selector" (dict "root" .root "service" "test") | nindent 6 }}
{{- end }}

{{- define "evenkeel.policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "evenkeel.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "evenkeel.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
{{- end }}

{{/* What Prometheus scrapes at the service's port `http`. */}}
{{- define "evenkeel.monitor" -}}
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  {{- include "evenkeel.metadata" . | nindent 2 }}
    {{- with .root.Values.monitors.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels:
      {{- include "evenkeel.selector" . | nindent 6 }}
  endpoints:
    - {port: http, path: /metrics, interval: 15s}
{{- end }}

{{- define "evenkeel.service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "evenkeel.metadata" . | nindent 2 }}
spec:
  selector:
    {{- include "evenkeel.selector" . | nindent 4 }}
  ports:
    - {name: http, port: {{ .port }}, targetPort: http}
{{- end }}

{{- define "evenkeel.claim" -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  {{- include "evenkeel.metadata" . | nindent 2 }}
  annotations: {helm.sh/resource-policy: keep} # uninstalling is no reason to forget
spec:
  accessModes: [ReadWriteOnce]
  {{- with .volume.storageClass }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests: {storage: {{ .volume.size }}}
{{- end }}

{{- define "evenkeel.budget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "evenkeel.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      {{- include "evenkeel.selector" . | nindent 6 }}
{{- end }}
