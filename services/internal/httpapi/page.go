package httpapi

import (
	"embed"
	"net/http"

	"github.com/labstack/echo/v4"
)

//go:embed page openapi.json
var files embed.FS

// file answers the one page there is, or a file that it is made of.
func (a *API) file(name, contentType string) echo.HandlerFunc {
	return func(c echo.Context) error { return sendFile(c, "page/"+name, contentType) }
}

// openAPI answers the description of this API.
func (a *API) openAPI(c echo.Context) error { return sendFile(c, "openapi.json", "application/json") }

// sendFile answers an embedded file. It is small, and a new version of the
// service brings a new one, so it is asked for each time.
func sendFile(c echo.Context, name, contentType string) error {
	data, err := files.ReadFile(name)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-cache")
	return c.Blob(http.StatusOK, contentType, data)
}
