{{/* Values that are each right and do not go together: silent harm, or an error of Kubernetes in the middle of a release. */}}
{{- define "telemetry.contradictions" -}}
{{- $values := .Values -}}
{{- $gateway := .Values.gateway -}}
{{- $name := include "telemetry.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) -}}
{{- fail (printf "%s cannot be the name of a Service, which begins with a letter and has no dots: choose another name for the release, or set fullnameOverride." $name) -}}
{{- end -}}
{{- $kafka := .Values.kafka -}}
{{- if not $values.strimzi.enabled -}}
{{- if not (hasPrefix "SASL" $kafka.securityProtocol) -}}
{{- if $kafka.mechanism -}}
{{- fail (printf "kafka.mechanism=%s logs nobody in with kafka.securityProtocol=%s: set SASL_SSL or SASL_PLAINTEXT, or leave the mechanism out." $kafka.mechanism $kafka.securityProtocol) -}}
{{- end -}}
{{- range $part, $user := $kafka.users -}}
{{- if or $user.username $user.secret -}}
{{- fail (printf "kafka.users.%s logs nobody in with kafka.securityProtocol=%s: set SASL_SSL or SASL_PLAINTEXT, or leave the user out." $part $kafka.securityProtocol) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $kafka.caSecret.name (not (hasSuffix "SSL" $kafka.securityProtocol)) -}}
{{- fail (printf "kafka.caSecret is for encrypted connections, and kafka.securityProtocol=%s encrypts nothing: set SSL or SASL_SSL, or leave it out." $kafka.securityProtocol) -}}
{{- end -}}
{{- if $values.networkPolicy.enabled -}}
{{- $ports := list -}}
{{- range $values.networkPolicy.kafka.ports -}}
{{- $ports = append $ports (int . | toString) -}}
{{- end -}}
{{- range splitList "," $kafka.bootstrapServers -}}
{{- if and . (not (has (splitList ":" . | last) $ports)) -}}
{{- fail (printf "networkPolicy.kafka.ports does not have the port of %s, so no pod could call it: add the port, and those of the other listeners that brokers name." .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $least := add 20 (int $gateway.preStopSleepSeconds) -}}
{{- if lt (int $gateway.terminationGracePeriodSeconds) (int $least) -}}
{{- fail (printf "gateway.terminationGracePeriodSeconds=%d is less than gateway.preStopSleepSeconds and the 20 s in which a gateway ends: set %d or more." (int $gateway.terminationGracePeriodSeconds) (int $least)) -}}
{{- end -}}
{{- $size := $gateway.persistence.size -}}
{{- $bytes := mul (regexFind "^[0-9]+" $size | int64) (get (dict "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776) (regexFind "[A-Z]i$" $size) | int64) -}}
{{- if ge (int64 $gateway.spoolMaxBytes) $bytes -}}
{{- fail (printf "gateway.spoolMaxBytes=%d does not fit on a volume of gateway.persistence.size=%s: have a tenth of the volume free." (int64 $gateway.spoolMaxBytes) $size) -}}
{{- end -}}
{{- range $where, $settings := dict "settings" $values.settings "gateway.settings" $gateway.settings "worker.settings" $values.worker.settings "sink.settings" $values.sink.settings "forward.settings" $values.forward.settings "sync.settings" $values.sync.settings "monitor.settings" $values.monitor.settings "tools.settings" $values.tools.settings "setup.settings" $values.setup.settings -}}
{{- range $setting, $_ := $values.secretSettings -}}
{{- if hasKey $settings $setting -}}
{{- fail (printf "%s is in secretSettings and in %s: leave it in one of them." $setting $where) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $where, $labels := dict "podLabels" $values.podLabels "gateway.podLabels" $gateway.podLabels "worker.podLabels" $values.worker.podLabels "sink.podLabels" $values.sink.podLabels "forward.podLabels" $values.forward.podLabels "sync.podLabels" $values.sync.podLabels "monitor.podLabels" $values.monitor.podLabels "tools.podLabels" $values.tools.podLabels "setup.podLabels" $values.setup.podLabels -}}
{{- range list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" -}}
{{- if hasKey $labels . -}}
{{- fail (printf "%s: %s is what selectors go by, and the chart's own: choose another label." $where .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
