// Package quotas answers what an account may have of what is limited, with the values
// of an account as AWS opens it, and refuses what goes beyond: Service Quotas, and the
// concurrency of Lambda. moto has neither.
package quotas

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"sensor-backend/emulator/awsapi"
)

// Target is the first part of the operations' names (X-Amz-Target) of Service Quotas.
const Target = "ServiceQuotasV20190624"

// quota is one quota: its name, its value in a new account, and AWS's default, which
// an account has later on.
type quota struct {
	Name         string
	New, Default float64
}

// table is by service and quota code (Service Quotas console; AWS General Reference,
// "Service quotas" of each service).
func table() map[[2]string]quota {
	return map[[2]string]quota{
		{"fargate", "L-3032A538"}: {"Fargate On-Demand vCPU resource count", 6, 6},
		{"fargate", "L-36FBB829"}: {"Fargate Spot vCPU resource count", 6, 6},
		{"ec2", "L-0263D0A3"}:     {"EC2-VPC Elastic IPs", 5, 5},
		{"vpc", "L-F678F1CE"}:     {"VPCs per Region", 5, 5},
		{"lambda", "L-B99A9384"}:  {"Concurrent executions", newConcurrency, 1000},
	}
}

const (
	// newConcurrency is how many executions a new account may run at once, and
	// minUnreserved how many of them no function may reserve.
	newConcurrency, minUnreserved = 10, 10
)

// Call answers an operation of Service Quotas.
func Call(operation string, body []byte) (any, error) {
	var in struct{ ServiceCode, QuotaCode string }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, awsapi.Errorf("SerializationException", "the body is no JSON object")
	}
	q, ok := table()[[2]string{in.ServiceCode, in.QuotaCode}]
	if !ok {
		return nil, awsapi.Errorf("NoSuchResourceException", "The request failed because the specified quota %s of %s does not exist.", in.QuotaCode, in.ServiceCode)
	}
	value := q.New
	switch operation {
	case "GetServiceQuota":
	case "GetAWSDefaultServiceQuota":
		value = q.Default
	default:
		return nil, awsapi.Errorf("UnknownOperationException", "%s is not played by the emulated AWS", operation)
	}
	return map[string]any{"Quota": map[string]any{
		"ServiceCode": in.ServiceCode, "QuotaCode": in.QuotaCode, "QuotaName": q.Name, "Value": value, "Adjustable": true,
	}}, nil
}

// ServeLambda answers what Lambda is asked of the account's concurrency, and refuses a
// reservation that leaves too little of it; false for any other request.
func ServeLambda(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet && strings.TrimSuffix(r.URL.Path, "/") == "/2016-08-19/account-settings" {
		awsapi.WriteREST(w, http.StatusOK, map[string]any{
			"AccountLimit": map[string]any{
				"ConcurrentExecutions": newConcurrency, "UnreservedConcurrentExecutions": newConcurrency,
				"CodeSizeUnzipped": 250 << 20, "CodeSizeZipped": 50 << 20, "TotalCodeSize": 75 << 30,
			},
			"AccountUsage": map[string]any{},
		})
		return true
	}
	return r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/2017-10-31/functions/") && refuse(w, r)
}

// maxReservation bounds what is read of a reservation.
const maxReservation = 4 << 10

// refuse answers a reservation that leaves too little, and keeps the body of any other
// for who answers it.
func refuse(w http.ResponseWriter, r *http.Request) bool {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxReservation))
	if err != nil {
		awsapi.WriteError(w, awsapi.Errorf("InvalidRequestContentException", "reading the reservation: %v", err))
		return true
	}
	var in struct{ ReservedConcurrentExecutions int }
	if json.Unmarshal(raw, &in) == nil && in.ReservedConcurrentExecutions > 0 && newConcurrency-in.ReservedConcurrentExecutions < minUnreserved {
		awsapi.WriteError(w, awsapi.Errorf("InvalidParameterValueException",
			"Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", minUnreserved))
		return true
	}
	r.Body = io.NopCloser(strings.NewReader(string(raw)))
	return false
}
