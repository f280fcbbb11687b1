package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sensor-backend/services/internal/admission"
	"sensor-backend/services/internal/warehouse"
)

// problem is an error answer as RFC 9457 has it, with one entry for each
// rejected field.
type problem struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail,omitempty"`
	Errors []fieldProblem `json:"errors,omitempty"`

	retryAfter time.Duration // 0 when trying again does not help
}

// fieldProblem names what is wrong with one field. Index is the place of the
// reading in the batch, absent for query parameters.
type fieldProblem struct {
	Index  *int   `json:"index,omitempty"`
	Field  string `json:"field,omitempty"`
	Reason string `json:"reason"`
}

// Error makes a problem something a handler can return.
func (p *problem) Error() string { return p.Title + ": " + p.Detail }

// errUpstream marks errors of the bucket and the table behind the API.
var errUpstream = errors.New("upstream")

func newProblem(status int, detail string, errs ...fieldProblem) *problem {
	p := &problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Errors: errs}
	if status == http.StatusServiceUnavailable {
		p.retryAfter = 5 * time.Second
	}
	return p
}

// handleError answers every error as a problem. What went wrong inside is
// logged, not told.
func (a *API) handleError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	p := toProblem(err)
	if p.retryAfter > 0 {
		c.Response().Header().Set("Retry-After", strconv.Itoa(int(p.retryAfter.Seconds())))
	}
	c.Response().Header().Set(echo.HeaderContentType, "application/problem+json")
	if err := c.JSON(p.Status, p); err != nil {
		a.cfg.Log.WarnContext(c.Request().Context(), "answer not sent", "error", err)
	}
}

func toProblem(err error) *problem {
	var p *problem
	var he *echo.HTTPError
	var schema *warehouse.SchemaError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &he):
		detail, _ := he.Message.(string)
		if strings.EqualFold(detail, http.StatusText(he.Code)) {
			detail = ""
		}
		return newProblem(he.Code, detail)
	case errors.Is(err, admission.ErrFull):
		return tooMany()
	case errors.As(err, &schema):
		return newProblem(http.StatusServiceUnavailable, "the warehouse is not ready: "+schema.Error())
	case errors.Is(err, warehouse.ErrReadOnly):
		return newProblem(http.StatusServiceUnavailable, "the warehouse takes no writes now, as while it fails over, try again")
	case errors.Is(err, warehouse.ErrUnavailable):
		return newProblem(http.StatusServiceUnavailable, "the warehouse is not available now, try again")
	case errors.Is(err, warehouse.ErrOverflow):
		return newProblem(http.StatusUnprocessableEntity, "the values are too large to average, ask for a shorter range or for the readings themselves")
	case errors.Is(err, errUpstream):
		return newProblem(http.StatusServiceUnavailable, "a service behind this one does not answer now, try again")
	case errors.Is(err, context.DeadlineExceeded):
		return newProblem(http.StatusServiceUnavailable, "the request took too long, try again")
	default:
		return newProblem(http.StatusInternalServerError, "the error is in the service's log")
	}
}
