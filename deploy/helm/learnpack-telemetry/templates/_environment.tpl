{{/*
The settings of a part as variables of its environment. What the chart sets by itself comes first, so that a text may
refer to it.
*/}}
{{- define "telemetry.environment" -}}
{{- $values := .root.Values -}}
{{- include "telemetry.kafkaEnvironment" . }}
{{ include "telemetry.clickhouseEnvironment" .root }}
- name: TELEMETRY_PARTITIONS
  value: {{ $values.partitions | int | quote }}
- name: TELEMETRY_REPLICATION
  value: {{ $values.replication | int | quote }}
- name: TELEMETRY_DATA
  value: /var/lib/learnpack-telemetry
- name: TELEMETRY_SPOOL
  value: /var/lib/learnpack-telemetry/spool
- name: TELEMETRY_GATEWAY_URL
  value: http://{{ include "telemetry.fullname" .root }}-gateway.{{ .root.Release.Namespace }}:{{ $values.gateway.service.port }}
{{- if eq .part "gateway" }}
- name: TELEMETRY_GATEWAY_BIND
  value: 0.0.0.0:8000
- name: TELEMETRY_SPOOL_MAX_BYTES
  value: {{ $values.gateway.spoolMaxBytes | int64 | quote }}
{{- else if has .part (list "worker" "sink" "forward" "sync" "monitor") }}
- name: TELEMETRY_METRICS_BIND
  value: 0.0.0.0:9464
{{- end }}
{{- $secrets := dict }}
{{- if eq .part "forward" }}
{{- $secrets = dict "TELEMETRY_FORWARD_URL" $values.forward.urlSecret "TELEMETRY_FORWARD_SECRET" $values.forward.signingSecret }}
{{- else if or (eq .part "sync") (and .imports $values.sync.enabled) }}
{{- $secrets = dict "TELEMETRY_LMS_POSTGRES" $values.sync.postgresSecret }}
{{- end }}
{{- range $name, $secret := $secrets }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef: {name: {{ $secret.name | quote }}, key: {{ $secret.key | quote }}}
{{- end }}
{{- $settings := merge (dict) (index $values .part "settings") $values.settings }}
{{- if not (hasKey $settings "TELEMETRY_LOG_FORMAT") }}
- name: TELEMETRY_LOG_FORMAT
  value: {{ ternary "console" "json" (eq .part "tools") }}
{{- end }}
{{- range $name, $value := $settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- range $name, $secret := $values.secretSettings }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef: {name: {{ $secret.name | quote }}, key: {{ $secret.key | quote }}}
{{- end }}
{{- end -}}

{{- define "telemetry.kafkaEnvironment" -}}
{{- $kafka := .root.Values.kafka -}}
{{- $principal := include "telemetry.principal" .part -}}
{{- if .root.Values.strimzi.enabled -}}
- name: TELEMETRY_KAFKA
  value: {{ include "telemetry.kafkaCluster" .root }}-kafka-bootstrap.{{ .root.Release.Namespace }}.svc:9093
- name: TELEMETRY_KAFKA_SECURITY_PROTOCOL
  value: SASL_SSL
- name: TELEMETRY_KAFKA_SECURITY_MECHANISM
  value: SCRAM-SHA-512
- name: TELEMETRY_KAFKA_SECURITY_USERNAME
  value: {{ include "telemetry.fullname" .root }}-{{ $principal }}
- name: TELEMETRY_KAFKA_SECURITY_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ include "telemetry.fullname" .root }}-{{ $principal }}, key: password}
{{- else -}}
- name: TELEMETRY_KAFKA
  value: {{ $kafka.bootstrapServers | quote }}
- name: TELEMETRY_KAFKA_SECURITY_PROTOCOL
  value: {{ $kafka.securityProtocol }}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
{{- $own := index $kafka.users $principal }}
{{- $user := ternary $own $kafka.users.default (ne $own.username "") }}
- name: TELEMETRY_KAFKA_SECURITY_MECHANISM
  value: {{ $kafka.mechanism }}
{{- if ne $kafka.mechanism "OAUTHBEARER" }}
- name: TELEMETRY_KAFKA_SECURITY_USERNAME
  value: {{ $user.username | quote }}
- name: TELEMETRY_KAFKA_SECURITY_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ $user.secret | quote }}, key: {{ $user.key | quote }}}
{{- end }}
{{- end }}
{{- end }}
{{- if (include "telemetry.kafkaAuthorities" .root) }}
- name: TELEMETRY_KAFKA_SECURITY_CAFILE
  value: /etc/learnpack-telemetry/kafka/ca.crt
{{- end }}
{{- end -}}

{{/* The Secret with the authorities of Kafka, as a volume's items; nothing where the image's own are trusted. */}}
{{- define "telemetry.kafkaAuthorities" -}}
{{- if .Values.strimzi.enabled -}}
secretName: {{ include "telemetry.kafkaCluster" . }}-cluster-ca-cert
items: [{key: ca.crt, path: ca.crt}]
{{- else if and .Values.kafka.caSecret.name (hasSuffix "SSL" .Values.kafka.securityProtocol) -}}
secretName: {{ .Values.kafka.caSecret.name | quote }}
items: [{key: {{ .Values.kafka.caSecret.key | quote }}, path: ca.crt}]
{{- end -}}
{{- end -}}

{{- define "telemetry.clickhouseEnvironment" -}}
{{- if .Values.altinity.enabled -}}
{{- $secret := .Values.altinity.passwordSecret -}}
{{- /* Each replica by its own name: all parts have the same favourite (docs/clickhouse.md, "Several servers"). */ -}}
{{- $hosts := list -}}
{{- range $number := until (int .Values.altinity.replicas) -}}
{{- $hosts = append $hosts (printf "chi-%s-telemetry-0-%d.%s:8123" (include "telemetry.clickhouseName" $) $number $.Release.Namespace) -}}
{{- end -}}
- name: CLICKHOUSE_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ $secret.name | quote }}, key: {{ $secret.key | quote }}}
- name: TELEMETRY_CLICKHOUSE
  value: http://telemetry:$(CLICKHOUSE_PASSWORD)@{{ join "," $hosts }}
- name: TELEMETRY_CLICKHOUSE_CLUSTER
  value: telemetry
{{- else -}}
{{- $secret := .Values.clickhouse.urlSecret -}}
- name: TELEMETRY_CLICKHOUSE
  valueFrom:
    secretKeyRef: {name: {{ $secret.name | quote }}, key: {{ $secret.key | quote }}}
{{- with .Values.clickhouse.cluster }}
- name: TELEMETRY_CLICKHOUSE_CLUSTER
  value: {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}
