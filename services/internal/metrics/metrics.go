// Package metrics counts what the API does, for Prometheus. Start with New.
package metrics

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sensor-backend/services/internal/loader"
)

// Metrics is a registry of its own and what is counted in it.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	readings *prometheus.CounterVec
	files    *prometheus.CounterVec
	loaded   *prometheus.CounterVec
	delay    prometheus.Histogram
}

// New registers everything, the Go runtime and the process included.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time to answer a request, by route, method and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 25},
		}, []string{"route", "method", "status"}),
		readings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ingest_readings_total", Help: "Readings received, by what became of them.",
		}, []string{"result"}),
		files: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "loader_files_total", Help: "Processed files that were announced, by what became of them.",
		}, []string{"result"}),
		loaded: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "loader_readings_total", Help: "Readings of processed files, by what became of them.",
		}, []string{"result"}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "loader_delay_seconds", Help: "Time from the announcement of a file until it was loaded.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600},
		}),
	}
	m.registry.MustRegister(m.requests, m.readings, m.files, m.loaded, m.delay, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves the metrics in Prometheus' formats.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Answered counts one request. The route is the pattern, not the path, so that
// the number of series is bounded.
func (m *Metrics) Answered(route, method string, status int, took time.Duration) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions:
	default:
		method = "other" // a client may make methods up
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Observe(took.Seconds())
}

// Ingested counts the readings of one stored batch.
func (m *Metrics) Ingested(accepted, duplicates, rejected int) {
	m.readings.WithLabelValues("accepted").Add(float64(accepted))
	m.readings.WithLabelValues("duplicate").Add(float64(duplicates))
	m.readings.WithLabelValues("rejected").Add(float64(rejected))
}

// LoadedFile counts a processed file by what became of it, and how long ago it was
// announced.
func (m *Metrics) LoadedFile(result string, age time.Duration) {
	m.files.WithLabelValues(result).Inc()
	if result == loader.Loaded {
		m.delay.Observe(age.Seconds())
	}
}

// LoadedReadings counts the readings of a part of a processed file.
func (m *Metrics) LoadedReadings(stored, known, expired int) {
	m.loaded.WithLabelValues("stored").Add(float64(stored))
	m.loaded.WithLabelValues("known").Add(float64(known))
	m.loaded.WithLabelValues("expired").Add(float64(expired))
}

// Queue shows how many whole batches wait, of how many that may.
func (m *Metrics) Queue(waiting func() int64, limit int) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "ingest_queue_batches", Help: "Batches that wait to be stored.",
		}, func() float64 { return float64(waiting()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "ingest_queue_limit_batches", Help: "Batches from which on others are answered 429.",
		}, func() float64 { return float64(limit) }),
	)
}

// InHand shows how many bytes requests have in hand, of how many that they may.
func (m *Metrics) InHand(taken func() int64, capacity int64) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "http_in_hand_bytes", Help: "Memory of bodies and answers in hand, as it is reckoned.",
		}, func() float64 { return float64(taken()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "http_in_hand_limit_bytes", Help: "Memory of bodies and answers from which on requests are answered 429.",
		}, func() float64 { return float64(capacity) }),
	)
}
