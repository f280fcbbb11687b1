package poll

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
)

// Transient reports whether err is one that goes away by itself: throttling, a
// fault of the service, a broken connection, an answer that did not come in
// time. Codes are compared as text because ECS models no throttling exception,
// so there is no type to match. A caller whose own context may have ended asks
// the context first.
func Transient(err error) bool {
	return Throttled(err) || Uncertain(err)
}

// Throttled reports whether AWS refused a request for its rate, so that it had no
// effect.
func Throttled(err error) bool {
	var barred *BarredError
	return err != nil && !errors.As(err, &barred) && retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) == aws.TrueTernary
}

// Uncertain reports whether err is a passing failure of which it is not known
// whether the request had its effect: its effect has to be read before it is sent
// again.
func Uncertain(err error) bool {
	var barred *BarredError
	if err == nil || errors.Is(err, context.Canceled) || errors.As(err, &barred) || Throttled(err) {
		return false
	}
	var timeout *TimeoutError
	var network net.Error
	switch {
	case errors.As(err, &timeout), errors.As(err, &network), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return true
	case retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) == aws.TrueTernary:
		return true
	}
	return IsCode(err, "ServerException", "ServiceException", "InternalFailure", "InternalError", "InternalServerError",
		"InternalServiceError", "InternalServerException", "ServiceUnavailable", "ServiceUnavailableException",
		"RequestTimeout", "RequestTimeoutException")
}

// IsCode reports whether err is an AWS error of one of the codes.
func IsCode(err error, codes ...string) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	for _, c := range codes {
		if api.ErrorCode() == c {
			return true
		}
	}
	return false
}

// Expired reports credentials that ended meanwhile: no further question will be
// answered.
func Expired(err error) bool {
	return IsCode(err, "ExpiredToken", "ExpiredTokenException", "RequestExpired", "UnrecognizedClientException", "InvalidSignatureException")
}
