package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// Keys are the SHA-256 digests of the keys that may write. Keys are long and
// random, so that a plain digest hides them; several make it possible to give
// out a new one before the old one is taken away.
type Keys [][sha256.Size]byte

// ParseKeys reads digests in hexadecimal, separated by commas, as
// "sha256sum" writes them.
func ParseKeys(text string) (Keys, error) {
	var keys Keys
	for i, part := range strings.Split(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		var key [sha256.Size]byte
		// What is wrong with it is not told with the digest itself: it may be
		// a key that somebody forgot to hash.
		if n, err := hex.Decode(key[:], []byte(part)); err != nil || n != len(key) {
			return nil, fmt.Errorf("digest %d is not a SHA-256 in hexadecimal, make one with: printf %%s \"$KEY\" | sha256sum", i+1)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// allow compares with every digest, and takes the same time whichever fits.
func (k Keys) allow(key string) bool {
	digest := sha256.Sum256([]byte(key))
	found := 0
	for i := range k {
		found |= subtle.ConstantTimeCompare(k[i][:], digest[:])
	}
	return found == 1
}

// authenticate lets a request through that carries one of the keys, or every
// request when there are none.
func (a *API) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if len(a.cfg.Keys) == 0 {
			return next(c)
		}
		scheme, key, _ := strings.Cut(c.Request().Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") || !a.cfg.Keys.allow(strings.TrimSpace(key)) {
			c.Response().Header().Set("WWW-Authenticate", `Bearer realm="sensor-backend"`)
			return newProblem(http.StatusUnauthorized, "writing needs a key: send the header Authorization: Bearer <key>")
		}
		return next(c)
	}
}
