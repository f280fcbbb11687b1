package ready

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas/types"
)

// QuotaAPI is what is asked of Service Quotas: the account's own value, and AWS's
// default where the account has none.
type QuotaAPI interface {
	GetServiceQuota(context.Context, *servicequotas.GetServiceQuotaInput, ...func(*servicequotas.Options)) (*servicequotas.GetServiceQuotaOutput, error)
	GetAWSDefaultServiceQuota(context.Context, *servicequotas.GetAWSDefaultServiceQuotaInput, ...func(*servicequotas.Options)) (*servicequotas.GetAWSDefaultServiceQuotaOutput, error)
}

// NetworkAPI counts what is there already of a region's addresses and networks.
type NetworkAPI interface {
	Addresses(context.Context) (int, error)
	VPCs(context.Context) (int, error)
}

// ConcurrencyAPI tells the account's Lambda concurrency.
type ConcurrencyAPI interface {
	GetAccountSettings(context.Context, *lambda.GetAccountSettingsInput, ...func(*lambda.Options)) (*lambda.GetAccountSettingsOutput, error)
}

// quota is one quota of a service (Service Quotas console, or aws service-quotas
// list-service-quotas).
type quota struct{ name, service, code string }

// The quotas that a deploy meets.
var (
	fargateOnDemand = quota{"Fargate vCPUs on demand", "fargate", "L-3032A538"}
	fargateSpot     = quota{"Fargate Spot vCPUs", "fargate", "L-36FBB829"}
	addresses       = quota{"elastic IP addresses", "ec2", "L-0263D0A3"}
	networks        = quota{"VPCs in the region", "vpc", "L-F678F1CE"}
)

// value is what the account may have.
func (q quota) value(ctx context.Context, api QuotaAPI) (float64, error) {
	own, err := api.GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{ServiceCode: &q.service, QuotaCode: &q.code})
	if err == nil && own.Quota != nil && own.Quota.Value != nil {
		return *own.Quota.Value, nil
	}
	if _, ok := errors.AsType[*types.NoSuchResourceException](err); err != nil && !ok {
		return 0, err
	}
	usual, err := api.GetAWSDefaultServiceQuota(ctx, &servicequotas.GetAWSDefaultServiceQuotaInput{ServiceCode: &q.service, QuotaCode: &q.code})
	if err != nil {
		return 0, err
	}
	if usual.Quota == nil || usual.Quota.Value == nil {
		return 0, fmt.Errorf("service quotas knows no value of %s", q.code)
	}
	return *usual.Quota.Value, nil
}

// judge compares a quota with what is in use and what a deploy adds.
func (q quota) judge(limit, used, wanted float64) Line {
	line := Line{Check: "quota " + q.name, State: OK, Detail: fmt.Sprintf("%g of %g in use, %g more wanted", used, limit, wanted)}
	if used+wanted > limit {
		line.State = Failed
		line.Remedy = fmt.Sprintf("aws service-quotas request-service-quota-increase --service-code %s --quota-code %s --desired-value %g", q.service, q.code, used+wanted)
	}
	return line
}

// check is the check of one quota. used counts what is in use; nil where AWS tells
// nobody.
func (q quota) check(api QuotaAPI, wanted float64, used func(context.Context) (int, error)) Check {
	return Check{Name: "quota " + q.name, Look: func(ctx context.Context) ([]Line, error) {
		if wanted == 0 {
			return []Line{{Check: "quota " + q.name, State: Skipped, Detail: "nothing more is wanted"}}, nil
		}
		limit, err := q.value(ctx, api)
		if err != nil {
			return nil, err
		}
		count := 0
		if used != nil {
			if count, err = used(ctx); err != nil {
				return nil, err
			}
		}
		return []Line{q.judge(limit, float64(count), wanted)}, nil
	}}
}

// Quotas checks what a deploy wants against the account's quotas. An environment that
// is there already has its addresses and networks.
func Quotas(quotas QuotaAPI, network NetworkAPI, functions ConcurrencyAPI, n Needs, fresh bool) []Check {
	var newAddresses, newNetworks float64
	if fresh {
		newAddresses, newNetworks = float64(n.Addresses), float64(n.Networks)
	}
	return []Check{
		fargateOnDemand.check(quotas, n.OnDemand, nil),
		fargateSpot.check(quotas, n.Spot, nil),
		addresses.check(quotas, newAddresses, network.Addresses),
		networks.check(quotas, newNetworks, network.VPCs),
		concurrency(functions, n.Reserved, fresh),
	}
}

// keptUnreserved is how much concurrency Lambda keeps for functions that reserve none
// (AWS Lambda Developer Guide, "Configuring reserved concurrency").
const keptUnreserved = 100

// concurrency checks what is reserved for the processor.
func concurrency(api ConcurrencyAPI, reserved int, fresh bool) Check {
	const name = "quota Lambda concurrency"
	return Check{Name: name, Look: func(ctx context.Context) ([]Line, error) {
		settings, err := api.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
		if err != nil {
			return nil, err
		}
		if settings.AccountLimit == nil {
			return nil, errors.New("lambda tells no limit of the account")
		}
		all, free := int(settings.AccountLimit.ConcurrentExecutions), int(aws.ToInt32(settings.AccountLimit.UnreservedConcurrentExecutions))
		line := Line{Check: name, State: OK, Detail: fmt.Sprintf("the account has %d, %d of it not reserved; the processor reserves %d", all, free, reserved)}
		if fresh && reserved > 0 && free-reserved < keptUnreserved {
			line.State = Failed
			line.Detail += fmt.Sprintf(", and Lambda keeps %d unreserved", keptUnreserved)
			line.Remedy = "set processor_concurrency = -1 in the variable file, or: aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000"
		}
		return []Line{line}, nil
	}}
}
