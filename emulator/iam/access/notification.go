package access

import (
	"encoding/xml"
	"net/http"
	"strings"

	"sensor-backend/emulator/iam/calls"
)

// validateNotification says whether S3 takes a bucket's notifications: it asks
// whether it may call each function before it does.
func (a *Access) validateNotification(r *http.Request, body calls.Body) *problem {
	if r.Method != http.MethodPut || !r.URL.Query().Has("notification") || r.Header.Get("X-Amz-Skip-Destination-Validation") == "true" {
		return nil
	}
	raw, err := body()
	if err != nil {
		return internal(err)
	}
	var in struct {
		Functions []string `xml:"CloudFunctionConfiguration>CloudFunction"`
	}
	if err := xml.Unmarshal(raw, &in); err != nil {
		return nil // moto says what is wrong with it
	}
	bucket, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	for _, function := range in.Functions {
		if err := a.ServiceMay(r.Context(), "s3.amazonaws.com", "lambda:InvokeFunction", function, "arn:aws:s3:::"+bucket); err != nil {
			a.log.Info("S3 may not call a function", "bucket", bucket, "function", function, "reason", err)
			return &problem{kind: other, code: "InvalidArgument", status: http.StatusBadRequest, message: "Unable to validate the following destination configurations"}
		}
	}
	return nil
}
