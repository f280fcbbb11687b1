package lambda

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"sensor-backend/emulator/awsapi"
)

// Lambda's defaults for asynchronous events, and the pause before the first
// retry (Lambda Developer Guide, "How Lambda handles errors and retries with
// asynchronous invocation"); the second pause is twice as long.
const (
	defaultRetries = 2
	defaultMaxAge  = 6 * time.Hour
	firstRetry     = time.Minute
)

// handling is a function's setting for asynchronous events.
type handling struct {
	Retries      *int `json:"MaximumRetryAttempts"`
	MaxAge       *int `json:"MaximumEventAgeInSeconds"`
	Destinations struct {
		OnSuccess destination `json:"OnSuccess"`
		OnFailure destination `json:"OnFailure"`
	} `json:"DestinationConfig"`
}

type destination struct {
	ARN string `json:"Destination"`
}

// Enqueue takes an event to be run later and gives its request id. An event
// that fails is tried again as the function is configured, and then goes to
// its failure destination and dead-letter queue.
func (s *Service) Enqueue(ctx context.Context, name Name, payload []byte) (requestID string, err error) {
	if _, err := s.resolve(ctx, name); err != nil {
		return "", err
	}
	requestID = uuid.NewString()
	s.working.Go(func() { s.deliver(s.ctx, name, requestID, payload) })
	return requestID, nil
}

func (s *Service) deliver(ctx context.Context, name Name, requestID string, payload []byte) {
	settings := s.handling(ctx, name)
	start := time.Now()
	attempts, pause := 0, time.Duration(float64(firstRetry)/s.config.Speed)
	var result Result
	for {
		var err error
		attempts++
		result, err = s.invoke(ctx, name, requestID, payload)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.log.Warn("running an event", "function", name.Function, "request", requestID, "error", err)
			result.RequestID, result.Failed = requestID, true
		}
		if !result.Failed {
			s.send(ctx, name, settings.Destinations.OnSuccess.ARN, record(name, result, payload, attempts, "Success", start))
			return
		}
		if attempts > *settings.Retries || time.Since(start)+pause > time.Duration(*settings.MaxAge)*time.Second {
			break
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		pause *= 2
	}
	s.log.Warn("an event failed for good", "function", name.Function, "request", requestID, "attempts", attempts, "error", string(result.Payload))
	s.send(ctx, name, settings.Destinations.OnFailure.ARN, record(name, result, payload, attempts, "RetriesExhausted", start))
	// A dead-letter queue gets the event itself.
	s.send(ctx, name, result.configuration.DeadLetter.Target, payload)
}

// handling reads the setting of the alias, version or function that was named.
func (s *Service) handling(ctx context.Context, name Name) handling {
	path := "/2019-09-25/functions/" + url.PathEscape(name.Function) + "/event-invoke-config"
	if name.Qualifier != "" {
		path += "?Qualifier=" + url.QueryEscape(name.Qualifier)
	}
	var found handling
	if err := s.moto.REST(ctx, http.MethodGet, "lambda", name.Region, path, nil, &found); err != nil && !awsapi.IsCode(err, "ResourceNotFoundException") {
		s.log.Warn("reading how events are handled", "function", name.Function, "error", err)
	}
	if found.Retries == nil {
		retries := defaultRetries
		found.Retries = &retries
	}
	if found.MaxAge == nil {
		age := int(defaultMaxAge.Seconds())
		found.MaxAge = &age
	}
	return found
}

// record is what a destination is told of an event.
func record(name Name, result Result, payload []byte, attempts int, condition string, at time.Time) []byte {
	response := map[string]any{"statusCode": http.StatusOK, "executedVersion": result.Version}
	if result.Failed {
		response["functionError"] = "Unhandled"
	}
	text, err := json.Marshal(map[string]any{
		"version": "1.0", "timestamp": at.UTC().Format("2006-01-02T15:04:05.000Z"),
		"requestContext": map[string]any{
			"requestId": result.RequestID, "functionArn": invokedARN(result.configuration, name.Qualifier),
			"condition": condition, "approximateInvokeCount": attempts,
		},
		"requestPayload": raw(payload), "responseContext": response, "responsePayload": raw(result.Payload),
	})
	if err != nil {
		return payload
	}
	return text
}

// raw is JSON as it is, and anything else as a JSON text.
func raw(content []byte) any {
	if json.Valid(content) {
		return json.RawMessage(content)
	}
	return string(content)
}

// maySend says whether the function's role may send to a destination.
func (s *Service) maySend(ctx context.Context, name Name, service, arn string) error {
	action := map[string]string{"sqs": "sqs:SendMessage", "sns": "sns:Publish"}[service]
	if s.config.Roles == nil || action == "" {
		return nil
	}
	c, err := s.resolve(ctx, name)
	if err != nil {
		return err
	}
	role, err := s.config.Roles.Take(ctx, name.Region, c.Role, c.FunctionName, c.FunctionARN)
	if err != nil {
		return err
	}
	return role.May(ctx, action, arn, nil)
}

// send brings a message to an SQS queue or SNS topic; "" is none.
func (s *Service) send(ctx context.Context, name Name, arn string, message []byte) {
	if arn == "" {
		return
	}
	parts := strings.Split(arn, ":")
	if len(parts) != 6 {
		s.log.Warn("sending an event's outcome: malformed destination", "function", name.Function, "destination", arn)
		return
	}
	region, account, last := parts[3], parts[4], parts[5]
	err := s.maySend(ctx, name, parts[2], arn)
	if err != nil {
		s.log.Warn("sending an event's outcome", "function", name.Function, "destination", arn, "error", err)
		return
	}
	switch parts[2] {
	case "sqs":
		err = s.moto.JSON(ctx, region, "AmazonSQS.SendMessage", map[string]string{
			"QueueUrl": s.config.Endpoint + "/" + account + "/" + last, "MessageBody": string(message),
		}, nil)
	case "sns":
		_, err = s.moto.Form(ctx, "sns", region, url.Values{
			"Action": {"Publish"}, "Version": {"2010-03-31"}, "TopicArn": {arn}, "Message": {string(message)},
		})
	default:
		err = awsapi.Errorf("InvalidParameterValueException", "destinations of %s are not emulated", parts[2])
	}
	if err != nil {
		s.log.Warn("sending an event's outcome", "function", name.Function, "destination", arn, "error", err)
	}
}
