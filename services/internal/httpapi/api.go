// Package httpapi is the HTTP face of the service. Start with New; every type
// of the web framework stays inside this package.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"sensor-backend/services/internal/admission"
	"sensor-backend/services/internal/catalog"
	"sensor-backend/services/internal/metrics"
	"sensor-backend/services/internal/reading"
	"sensor-backend/services/internal/tracing"
	"sensor-backend/services/internal/warehouse"
)

// Warehouse stores readings and answers queries.
type Warehouse interface {
	Insert(ctx context.Context, readings []reading.Reading) (warehouse.Stored, error)
	InsertOnce(ctx context.Context, once warehouse.Once, readings []reading.Reading,
		answer func(warehouse.Stored) ([]byte, error)) (kept []byte, replayed bool, err error)
	Select(ctx context.Context, q warehouse.Query) (warehouse.Page, error)
	Buckets(ctx context.Context, q warehouse.BucketQuery) ([]warehouse.Bucket, error)
	Sensors(ctx context.Context, q warehouse.SensorQuery) (warehouse.SensorPage, error)
	Ready(ctx context.Context) error
}

// Inbox takes batches for the processor while there is no warehouse.
type Inbox interface {
	Put(ctx context.Context, key, contentType string, body []byte) error
}

// Catalog shows what the processor recorded.
type Catalog interface {
	Get(ctx context.Context, key string) (catalog.Object, bool, error)
	List(ctx context.Context, q catalog.Query) (catalog.Page, error)
}

// Version is what /version answers.
type Version struct {
	Version     string `json:"version"`
	Commit      string `json:"commit"`
	ImageDigest string `json:"image_digest"`
}

// Config is what the API works on. A nil Warehouse, Inbox or Catalog is off:
// the requests that need it are answered 501 with the reason.
type Config struct {
	Warehouse Warehouse
	Inbox     Inbox
	Catalog   Catalog
	Version   func(ctx context.Context) Version
	Metrics   *metrics.Metrics
	Tracer    *tracing.Tracer // nil is off
	Log       *slog.Logger
	Now       func() time.Time

	Window Window
	// Batches is how many whole batches may wait at a time.
	Batches int
	// InHand is how many bytes requests may have in hand at a time.
	InHand int64
	// Keys lets writes through; without any, everybody may write.
	Keys Keys
	// Origins may call from a browser's pages of theirs; none but this
	// service's own page without.
	Origins []string
}

// API serves requests.
type API struct {
	cfg      Config
	arriving *admission.Gate // bytes of bodies and streams that clients take their time for
	places   *admission.Gate // whole batches
	working  *admission.Line // bytes of batches and answers that are made
	draining atomic.Bool
	progress time.Duration
	handler  http.Handler
}

const (
	// requestTimeout ends the queries of a request, or of a page of a stream,
	// before its connection times out.
	requestTimeout = 25 * time.Second
	// progress is how long a client may take to take a page of a stream.
	progress = 30 * time.Second
	// patience is how long a batch or an answer waits for room.
	patience = 10 * time.Second
)

// New builds the routes.
func New(cfg Config) *API {
	a := &API{
		cfg: cfg,
		// Bodies come as they come; two thirds are for what is made of them.
		arriving: admission.New(cfg.InHand / 3), working: admission.NewLine(cfg.InHand-cfg.InHand/3, patience),
		places: admission.New(int64(cfg.Batches)), progress: progress,
	}
	cfg.Metrics.Queue(a.places.Taken, cfg.Batches)
	cfg.Metrics.InHand(func() int64 { return a.arriving.Taken() + a.working.Taken() }, cfg.InHand)
	e := echo.New()
	// A load balancer adds the client's address to what the client says of itself.
	e.IPExtractor = echo.ExtractIPFromXFFHeader()
	e.HideBanner = true
	e.HidePort = true
	e.HTTPErrorHandler = a.handleError
	if cfg.Tracer != nil {
		e.Use(a.trace())
	}
	e.Use(
		middleware.RequestID(),
		a.observe(),
		middleware.RecoverWithConfig(middleware.RecoverConfig{DisableErrorHandler: true, LogErrorFunc: a.logPanic}),
		middleware.SecureWithConfig(middleware.SecureConfig{
			ContentTypeNosniff: "nosniff", XFrameOptions: "DENY", ContentSecurityPolicy: contentSecurity,
		}),
	)
	if len(cfg.Origins) > 0 {
		e.Use(middleware.CORSWithConfig(middleware.CORSConfig{
			AllowOrigins: cfg.Origins, AllowMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost},
		}))
	}
	get := func(path string, handler echo.HandlerFunc, around ...echo.MiddlewareFunc) {
		e.Match([]string{http.MethodGet, http.MethodHead}, path, handler, around...)
	}
	for path, file := range map[string][2]string{
		"/":         {"index.html", "text/html; charset=utf-8"},
		"/app.js":   {"app.js", "text/javascript; charset=utf-8"},
		"/chart.js": {"chart.js", "text/javascript; charset=utf-8"},
		"/theme.js": {"theme.js", "text/javascript; charset=utf-8"},
		"/ticks.js": {"ticks.js", "text/javascript; charset=utf-8"},
		"/view.js":  {"view.js", "text/javascript; charset=utf-8"},
		"/app.css":  {"app.css", "text/css; charset=utf-8"},
	} {
		get(path, a.file(file[0], file[1]))
	}
	get("/healthz", a.health)
	get("/readyz", a.ready)
	get("/version", a.version)
	get("/metrics", echo.WrapHandler(cfg.Metrics.Handler()))
	get("/openapi.json", a.openAPI)
	timeout := middleware.ContextTimeout(requestTimeout)
	e.POST("/v1/readings", a.postReadings, a.authenticate, onlyParameters(), timeout)
	// It may be a stream, which sees to its own time.
	get("/v1/readings", a.getReadings, onlyParameters("sensor_id", "metric", "from", "to", "order", "limit", "cursor", "format"))
	get("/v1/buckets", a.getBuckets, onlyParameters("sensor_id", "metric", "from", "to", "bucket", "format"), a.take(bucketsCost), timeout)
	get("/v1/sensors", a.listSensors, onlyParameters("prefix", "limit", "cursor"), a.take(pageCost), timeout)
	get("/v1/anomalies", a.listAnomalies, onlyParameters("sensor_id", "metric", "from", "to"), a.take(anomaliesCost), timeout)
	get("/v1/objects", a.listObjects, onlyParameters("sensor_id", "limit", "cursor"), a.take(pageCost), timeout)
	get("/v1/objects/*", a.getObject, onlyParameters(), timeout)
	a.handler = e
	return a
}

// What an answer costs in memory at the most, in bytes.
const (
	entryCost     = 512     // one reading, and its JSON or CSV
	pageCost      = 1 << 20 // maxLimit entries, and their JSON
	bucketsCost   = 4 << 20 // maxBuckets steps, and their JSON
	anomaliesCost = 8 << 20 // a page of readings that are examined, and what is found in all
)

// take waits for room for an answer before it is made.
func (a *API) take(bytes int64) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			turn, err := a.working.Wait(c.Request().Context(), bytes)
			if err != nil {
				return err
			}
			defer turn.End()
			return next(c)
		}
	}
}

// Room is where the memory of what is made comes from. Who works beside the requests
// takes theirs from it too.
func (a *API) Room() *admission.Line { return a.working }

// contentSecurity lets the page use what is in it and ask this service.
const contentSecurity = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"

// ServeHTTP makes the API an http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// Drain makes /readyz answer 503 while everything else is still served, so
// that a load balancer turns away before the server stops.
func (a *API) Drain() { a.draining.Store(true) }
