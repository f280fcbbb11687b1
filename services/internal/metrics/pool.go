package metrics

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// pool shows the state of a pool of database connections when asked.
type pool struct {
	stat   func() *pgxpool.Stat
	values []poolValue
}

type poolValue struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*pgxpool.Stat) float64
}

// Pool shows a pool of database connections: a growing wait says that it is
// too small or that its queries are too slow.
func (m *Metrics) Pool(stat func() *pgxpool.Stat) {
	value := func(name, help string, kind prometheus.ValueType, of func(*pgxpool.Stat) float64) poolValue {
		return poolValue{prometheus.NewDesc("db_pool_"+name, help, nil, nil), kind, of}
	}
	m.registry.MustRegister(pool{stat, []poolValue{
		value("connections_in_use", "Connections that run a query.", prometheus.GaugeValue,
			func(s *pgxpool.Stat) float64 { return float64(s.AcquiredConns()) }),
		value("connections_idle", "Connections that wait for one.", prometheus.GaugeValue,
			func(s *pgxpool.Stat) float64 { return float64(s.IdleConns()) }),
		value("connections_limit", "Connections there may be.", prometheus.GaugeValue,
			func(s *pgxpool.Stat) float64 { return float64(s.MaxConns()) }),
		value("acquires_total", "Queries that took a connection.", prometheus.CounterValue,
			func(s *pgxpool.Stat) float64 { return float64(s.AcquireCount()) }),
		value("waits_total", "Queries that had to wait for a connection.", prometheus.CounterValue,
			func(s *pgxpool.Stat) float64 { return float64(s.EmptyAcquireCount()) }),
		value("wait_seconds_total", "Time that queries waited for a connection.", prometheus.CounterValue,
			func(s *pgxpool.Stat) float64 { return s.EmptyAcquireWaitTime().Seconds() }),
	}})
}

// Describe implements prometheus.Collector.
func (p pool) Describe(to chan<- *prometheus.Desc) {
	for _, v := range p.values {
		to <- v.desc
	}
}

// Collect implements prometheus.Collector.
func (p pool) Collect(to chan<- prometheus.Metric) {
	stat := p.stat()
	for _, v := range p.values {
		to <- prometheus.MustNewConstMetric(v.desc, v.kind, v.of(stat))
	}
}
