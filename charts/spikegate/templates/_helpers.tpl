{{- /* The name of everything: of the release, with the chart's in it. Cluster-wide names follow it as well. */}}
{{- define "spikegate.fullname" -}}
{{- if contains "spikegate" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ .Release.Name | trunc 30 | trimSuffix "-" }}-spikegate{{ end }}
{{- end }}

{{- define "spikegate.priorityClass" -}}
{{- if .Values.priorityClass.name }}{{ .Values.priorityClass.name }}{{ else }}{{ if .Values.priorityClass.create }}{{ include "spikegate.fullname" . }}{{ end }}{{ end }}
{{- end }}

{{- /* What serve and prepare must be told of the names, where they are not the usual ones. */}}
{{- define "spikegate.nameFlags" -}}
{{- if ne (include "spikegate.fullname" .) "spikegate" }}
- --configuration={{ include "spikegate.fullname" . }}
- --service={{ include "spikegate.fullname" . }}-webhook
{{- end }}
{{- if .Values.takeOver }}
- --take-over
{{- end }}
{{- end }}

{{- /* As --parts takes them; empty when it is all of them. */}}
{{- define "spikegate.parts" -}}
{{- if .Values.parts.sale }}{{ if .Values.parts.workloads }}{{ else }}sale{{ end }}{{ else }}workloads{{ end }}
{{- end }}

{{- define "spikegate.selector" -}}
app.kubernetes.io/name: spikegate
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "spikegate.labels" -}}
{{ include "spikegate.selector" . }}
app.kubernetes.io/part-of: spikegate
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "spikegate.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "spikegate.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop:
    - ALL
{{- end }}

{{- define "spikegate.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}
