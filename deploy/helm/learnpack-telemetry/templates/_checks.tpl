{{/* Combinations that cannot work end the rendering with a line that says what to set. */}}
{{- define "telemetry.checks" -}}
{{- $values := .Values -}}
{{- if and $values.strimzi.enabled $values.kafka.bootstrapServers -}}
{{- fail "kafka.bootstrapServers and strimzi.enabled name two Kafkas: set one of them." -}}
{{- end -}}
{{- if not (or $values.strimzi.enabled $values.kafka.bootstrapServers) -}}
{{- fail "No Kafka is named: set kafka.bootstrapServers (HOST:PORT), or strimzi.enabled=true." -}}
{{- end -}}
{{- if and (not $values.strimzi.enabled) (hasPrefix "SASL" $values.kafka.securityProtocol) -}}
{{- if not $values.kafka.mechanism -}}
{{- fail (printf "kafka.securityProtocol=%s needs kafka.mechanism: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER." $values.kafka.securityProtocol) -}}
{{- end -}}
{{- range $name, $user := ternary (dict) $values.kafka.users (eq $values.kafka.mechanism "OAUTHBEARER") -}}
{{- if and $user.username (not $user.secret) -}}
{{- fail (printf "kafka.users.%s.secret is empty: name the Secret that holds the password of %s." $name $user.username) -}}
{{- end -}}
{{- $runs := (get (dict "forward" $values.forward "sync" $values.sync) $name | default (dict "enabled" true)).enabled -}}
{{- if and $runs (not $user.username) (ne $name "default") (not $values.kafka.users.default.username) -}}
{{- fail (printf "Kafka's user of %s is not named: set kafka.users.%s.username, or kafka.users.default.username for all." $name $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $mounted := list -}}
{{- range $values.extraVolumes -}}
{{- $mounted = append $mounted .name -}}
{{- end -}}
{{- range $values.extraVolumeMounts -}}
{{- if not (has .name $mounted) -}}
{{- fail (printf "extraVolumeMounts: no volume of extraVolumes has the name %s." .name) -}}
{{- end -}}
{{- end -}}
{{- if and $values.altinity.enabled $values.clickhouse.urlSecret.name -}}
{{- fail "clickhouse.urlSecret and altinity.enabled name two ClickHouses: set one of them." -}}
{{- end -}}
{{- if and $values.altinity.enabled (not $values.altinity.passwordSecret.name) -}}
{{- fail "altinity.passwordSecret.name is empty: name a Secret with a password of letters and digits." -}}
{{- end -}}
{{- if not (or $values.altinity.enabled $values.clickhouse.urlSecret.name) -}}
{{- fail "No ClickHouse is named: set clickhouse.urlSecret.name (a Secret with http://USER:PASSWORD@HOST:8123), or altinity.enabled=true." -}}
{{- end -}}
{{- if gt (int $values.worker.replicas) (int $values.partitions) -}}
{{- fail (printf "worker.replicas=%d is more than partitions=%d: the rest would have nothing to do." (int $values.worker.replicas) (int $values.partitions)) -}}
{{- end -}}
{{- if and $values.gateway.ingress.enabled (not $values.gateway.ingress.hosts) -}}
{{- fail "gateway.ingress.hosts is empty: name the host that callers know." -}}
{{- end -}}
{{- if and $values.gateway.httpRoute.enabled (not $values.gateway.httpRoute.parentRefs) -}}
{{- fail "gateway.httpRoute.parentRefs is empty: name the Gateway that the route belongs to." -}}
{{- end -}}
{{- range $name, $scale := dict "gateway.autoscaling" $values.gateway.autoscaling "worker.keda" $values.worker.keda -}}
{{- if and $scale.enabled (gt (int $scale.minReplicas) (int $scale.maxReplicas)) -}}
{{- fail (printf "%s.minReplicas=%d is more than maxReplicas=%d." $name (int $scale.minReplicas) (int $scale.maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- if $values.worker.keda.enabled -}}
{{- if not $values.worker.keda.serverAddress -}}
{{- fail "worker.keda.serverAddress is empty: name the Prometheus that scrapes the monitor." -}}
{{- end -}}
{{- if not $values.monitor.enabled -}}
{{- fail "worker.keda.enabled asks for figures of the monitor: set monitor.enabled=true." -}}
{{- end -}}
{{- if gt (int $values.worker.keda.maxReplicas) (int $values.partitions) -}}
{{- fail (printf "worker.keda.maxReplicas=%d is more than partitions=%d." (int $values.worker.keda.maxReplicas) (int $values.partitions)) -}}
{{- end -}}
{{- end -}}
{{- if and $values.strimzi.enabled (gt (int $values.replication) (int $values.strimzi.brokers.replicas)) -}}
{{- fail (printf "replication=%d is more than strimzi.brokers.replicas=%d." (int $values.replication) (int $values.strimzi.brokers.replicas)) -}}
{{- end -}}
{{- range $name, $secret := dict "urlSecret" $values.forward.urlSecret "signingSecret" $values.forward.signingSecret -}}
{{- if and $values.forward.enabled (not $secret.name) -}}
{{- fail (printf "forward.%s.name is empty: name a Secret, see docs/forwarding.md." $name) -}}
{{- end -}}
{{- end -}}
{{- $sync := $values.sync -}}
{{- if and $sync.enabled (not $sync.postgresSecret.name) -}}
{{- fail "sync.postgresSecret.name is empty: name a Secret with postgresql://USER:PASSWORD@HOST:5432/DATABASE, see docs/directory.md." -}}
{{- end -}}
{{- if and $sync.enabled (not (or $sync.queries $sync.queriesConfigMap.name)) -}}
{{- fail "No file of queries is given: set sync.queries (--set-file sync.queries=FILE), or sync.queriesConfigMap.name." -}}
{{- end -}}
{{- if and $sync.queries $sync.queriesConfigMap.name -}}
{{- fail "sync.queries and sync.queriesConfigMap.name give two files of queries: set one of them." -}}
{{- end -}}
{{- $given := dict "settings" $values.settings "secretSettings" $values.secretSettings -}}
{{- range $part := list "gateway" "worker" "sink" "forward" "sync" "monitor" "tools" "setup" -}}
{{- $_ := set $given (printf "%s.settings" $part) (index $values $part "settings") -}}
{{- end -}}
{{- range $where, $settings := $given -}}
{{- if and $sync.enabled (hasKey $settings "TELEMETRY_LMS_POSTGRES") -}}
{{- fail (printf "%s: TELEMETRY_LMS_POSTGRES is what sync.postgresSecret gives the pods sync and tools, and no other has it: leave it out." $where) -}}
{{- end -}}
{{- end -}}
{{- $known := splitList "\n" (.Files.Get "files/settings.txt" | trim) -}}
{{- range $name, $_ := $values.settings -}}
{{- include "telemetry.checkSetting" (list $name $known "settings") -}}
{{- end -}}
{{- range $part := list "gateway" "worker" "sink" "forward" "sync" "monitor" "tools" "setup" -}}
{{- range $name, $_ := index $values $part "settings" -}}
{{- include "telemetry.checkSetting" (list $name $known (printf "%s.settings" $part)) -}}
{{- end -}}
{{- end -}}
{{- range $name, $_ := $values.secretSettings -}}
{{- include "telemetry.checkSetting" (list $name $known "secretSettings") -}}
{{- end -}}
{{- include "telemetry.contradictions" . -}}
{{- end -}}

{{- define "telemetry.checkSetting" -}}
{{- $name := index . 0 -}}
{{- $own := list "TELEMETRY_KAFKA" "TELEMETRY_KAFKA_SECURITY_PROTOCOL" "TELEMETRY_KAFKA_SECURITY_MECHANISM" "TELEMETRY_KAFKA_SECURITY_USERNAME" "TELEMETRY_KAFKA_SECURITY_PASSWORD" "TELEMETRY_KAFKA_SECURITY_CAFILE" "TELEMETRY_CLICKHOUSE" "TELEMETRY_CLICKHOUSE_CLUSTER" "TELEMETRY_PARTITIONS" "TELEMETRY_REPLICATION" "TELEMETRY_DATA" "TELEMETRY_SPOOL" "TELEMETRY_SPOOL_MAX_BYTES" "TELEMETRY_GATEWAY_URL" "TELEMETRY_GATEWAY_BIND" "TELEMETRY_METRICS_BIND" "TELEMETRY_FORWARD_URL" "TELEMETRY_FORWARD_SECRET" -}}
{{- if has $name $own -}}
{{- fail (printf "%s: %s is what the chart sets by itself, from values of its own." (index . 2) $name) -}}
{{- end -}}
{{- if not (or (has $name (index . 1)) (hasPrefix "OTEL_" $name)) -}}
{{- fail (printf "%s: %s is not a setting of docs/settings.md." (index . 2) $name) -}}
{{- end -}}
{{- end -}}
