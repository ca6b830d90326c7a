// Package monitoring tests what docs has for monitoring: the alert rules by promtool, and the Grafana dashboard against Grafana's schema.
package monitoring
