package lambda

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"dagger/sensor-backend/poll"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// prune deletes old versions. One that cannot be deleted is reported and is not a
// failure: the deploy has succeeded.
func (d *deployment) prune(ctx context.Context, version string, before State) {
	if d.req.Keep <= 0 {
		return
	}
	old, err := d.prunable(ctx, version, before.Version)
	if err != nil {
		d.Env.Reportf("%s: old versions are left: %v", d.subject, err)
		return
	}
	for _, v := range old {
		if err := d.deleteVersion(ctx, v); err != nil {
			d.Env.Reportf("%s: old version %s is left: %v", d.subject, v, err)
			continue
		}
		d.res.Pruned = append(d.res.Pruned, v)
		d.changes.Add("old version " + v + " deleted")
	}
	if len(d.res.Pruned) > 0 {
		d.Env.Reportf("%s: deleted the old versions %s", d.subject, strings.Join(d.res.Pruned, ", "))
	}
}

// maxDeletions is how often one version's deletion is tried.
const maxDeletions = 4

// deleteVersion deletes one version. One that is not there after an answer that was
// lost was deleted.
func (d *deployment) deleteVersion(ctx context.Context, version string) error {
	for try := 1; ; try++ {
		err := d.change(ctx, changeLimit, func(ctx context.Context) error {
			_, err := d.Lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: aws.String(d.req.Function), Qualifier: aws.String(version)}, once)
			return err
		})
		if err == nil || try > 1 && poll.IsCode(err, "ResourceNotFoundException") {
			return nil
		}
		if try == maxDeletions || !poll.Transient(err) && !busy(err) {
			return err
		}
		if err := d.poll.Wait(ctx); err != nil {
			return err
		}
	}
}

// prunable lists the versions beyond the newest Keep that nobody uses.
func (d *deployment) prunable(ctx context.Context, inUse ...string) ([]string, error) {
	var versions []string
	for marker := (*string)(nil); ; {
		var out *lambda.ListVersionsByFunctionOutput
		err := d.ask(ctx, func(ctx context.Context) (err error) {
			out, err = d.Lambda.ListVersionsByFunction(ctx, &lambda.ListVersionsByFunctionInput{FunctionName: aws.String(d.req.Function), Marker: marker})
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("list the versions: %w", err)
		}
		for _, v := range out.Versions {
			versions = append(versions, aws.ToString(v.Version))
		}
		if marker = out.NextMarker; aws.ToString(marker) == "" {
			break
		}
	}
	var aliases []types.AliasConfiguration
	for marker := (*string)(nil); ; {
		var out *lambda.ListAliasesOutput
		err := d.ask(ctx, func(ctx context.Context) (err error) {
			out, err = d.Lambda.ListAliases(ctx, &lambda.ListAliasesInput{FunctionName: aws.String(d.req.Function), Marker: marker})
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("list the aliases: %w", err)
		}
		aliases = append(aliases, out.Aliases...)
		if marker = out.NextMarker; aws.ToString(marker) == "" {
			break
		}
	}
	return surplus(versions, aliases, d.req.Keep, inUse...), nil
}

// surplus lists the versions that may be deleted, oldest first: all but the newest
// keep and those that an alias names or gives a share to. $LATEST does not count.
func surplus(versions []string, aliases []types.AliasConfiguration, keep int, inUse ...string) []string {
	used := map[string]bool{}
	for _, v := range inUse {
		used[v] = true
	}
	for _, a := range aliases {
		used[aws.ToString(a.FunctionVersion)] = true
		if a.RoutingConfig != nil {
			for v := range a.RoutingConfig.AdditionalVersionWeights {
				used[v] = true
			}
		}
	}
	var numbers []int
	for _, v := range versions {
		if n, err := strconv.Atoi(v); err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.SortFunc(numbers, func(a, b int) int { return cmp.Compare(b, a) })
	var old []string
	for _, n := range numbers[min(keep, len(numbers)):] {
		if v := strconv.Itoa(n); !used[v] {
			old = append(old, v)
		}
	}
	slices.Reverse(old)
	return old
}
