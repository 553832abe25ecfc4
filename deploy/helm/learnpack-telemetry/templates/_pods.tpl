{{/*
Metadata of a part's pods: without versions, for a pod is replaced only where something of its own changes. The argument
may have annotations beside root and part.
*/}}
{{- define "telemetry.podMetadata" -}}
{{- $part := index .root.Values .part -}}
labels:
  {{- include "telemetry.partSelector" . | nindent 2 }}
  {{- with merge (dict) $part.podLabels .root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (default dict .annotations) $part.podAnnotations .root.Values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What the pods of all parts have in common, before their containers. */}}
{{- define "telemetry.podSpec" -}}
{{- $values := .root.Values -}}
{{- $part := index $values .part -}}
{{- if ne .part "setup" -}}
serviceAccountName: {{ include "telemetry.serviceAccount" .root | quote }}
{{ else if not $values.serviceAccount.create -}}
serviceAccountName: {{ include "telemetry.serviceAccount" .root | quote }}
{{ end -}}
# None of them talks to Kubernetes.
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- toYaml $values.podSecurityContext | nindent 2 }}
{{- with $values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with $part.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $part.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml $part.topologySpreadConstraints | nindent 2 }}
{{- else if has .part (list "gateway" "worker" "sink") }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "telemetry.partSelector" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* What the container of every part has; the argument has root, part, the command's words, and maybe mounts. */}}
{{- define "telemetry.container" -}}
name: {{ .part }}
image: {{ include "telemetry.image" . | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
command: {{ toJson .command }}
securityContext:
  {{- toYaml .root.Values.securityContext | nindent 2 }}
env:
  {{- include "telemetry.environment" . | nindent 2 }}
resources:
  {{- toYaml (index .root.Values .part "resources") | nindent 2 }}
volumeMounts:
  - name: data
    mountPath: /var/lib/learnpack-telemetry
  - name: tmp
    mountPath: /tmp
  {{- if (include "telemetry.kafkaAuthorities" .root) }}
  - name: kafka-authorities
    mountPath: /etc/learnpack-telemetry/kafka
    readOnly: true
  {{- end }}
  {{- with .mounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with .root.Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* The volumes of every part but the one for its data. */}}
{{- define "telemetry.volumes" -}}
- name: tmp
  emptyDir: {}
{{- with include "telemetry.kafkaAuthorities" . }}
- name: kafka-authorities
  secret:
    {{- . | nindent 4 }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
Workers, sinks, forwarders, `sync` and the monitor tell how they are at their port for metrics. Each ends itself where its work stands
still, so the probe of whether it lives is only for one that cannot even do that. Nobody is routed to them: that one is
not ready holds up a rollout and nothing else.
*/}}
{{- define "telemetry.probes" -}}
ports:
  - name: metrics
    containerPort: 9464
livenessProbe:
  httpGet: {path: /live, port: metrics}
  initialDelaySeconds: 30
  periodSeconds: 20
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /ready, port: metrics}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 3
{{- end -}}

{{/* A volume for each pod of a StatefulSet; the argument is root, part and its persistence. */}}
{{- define "telemetry.claim" -}}
- apiVersion: v1
  kind: PersistentVolumeClaim
  metadata:
    name: data
    labels:
      {{- include "telemetry.partSelector" . | nindent 6 }}
  spec:
    accessModes: {{ toJson .persistence.accessModes }}
    {{- with .persistence.storageClassName }}
    storageClassName: {{ . | quote }}
    {{- end }}
    resources:
      requests:
        storage: {{ .persistence.size | quote }}
{{- end -}}
