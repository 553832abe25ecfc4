{{- define "telemetry.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Of 40 characters at most: names of pods, volumes and Strimzi's Services begin with it. */}}
{{- define "telemetry.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "telemetry.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "telemetry.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "telemetry.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* What never changes of a release: selectors are made of it. */}}
{{- define "telemetry.selector" -}}
app.kubernetes.io/name: {{ include "telemetry.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "telemetry.labels" -}}
{{ include "telemetry.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Name, namespace and labels of an object of a part; the argument is a dictionary of root and part. */}}
{{- define "telemetry.metadata" -}}
name: {{ include "telemetry.fullname" .root }}{{ with .part }}-{{ . }}{{ end }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "telemetry.labels" .root | nindent 2 }}
  {{- with .part }}
  app.kubernetes.io/component: {{ . }}
  {{- end }}
{{- end -}}

{{- define "telemetry.partSelector" -}}
{{ include "telemetry.selector" .root }}
app.kubernetes.io/component: {{ .part }}
{{- end -}}

{{- define "telemetry.image" -}}
{{- $own := index .root.Values .part "image" "tag" -}}
{{- $image := .root.Values.image -}}
{{- if $own -}}
{{- printf "%s:%s" $image.repository $own -}}
{{- else if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default .root.Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "telemetry.kafkaCluster" -}}
{{- include "telemetry.fullname" . -}}
{{- end -}}

{{/* Altinity's operator calls the Service of a replica chi-NAME-CLUSTER-SHARD-REPLICA. */}}
{{- define "telemetry.clickhouseName" -}}
{{- include "telemetry.fullname" . -}}
{{- end -}}

{{/* Whom Kafka knows a part by. */}}
{{- define "telemetry.principal" -}}
{{- if eq . "tools" -}}operator{{- else -}}{{ . }}{{- end -}}
{{- end -}}
