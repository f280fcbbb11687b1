package deployments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// Parameters is the part of SSM that this package calls; *ssm.Client has it.
type Parameters interface {
	GetParameter(ctx context.Context, in *ssm.GetParameterInput, opts ...func(*ssm.Options)) (*ssm.GetParameterOutput, error)
	PutParameter(ctx context.Context, in *ssm.PutParameterInput, opts ...func(*ssm.Options)) (*ssm.PutParameterOutput, error)
	DeleteParameter(ctx context.Context, in *ssm.DeleteParameterInput, opts ...func(*ssm.Options)) (*ssm.DeleteParameterOutput, error)
}

// Store keeps a history in an SSM parameter.
type Store struct {
	// API is SSM.
	API Parameters
	// Name is the parameter's, such as /sensor/dev/deployments.
	Name string
}

// maxValue is the size of a standard parameter's value (AWS Systems Manager
// quotas: 4 KB).
const maxValue = 4096

// Load reads the history; a parameter that is not there yet is an empty one.
func (s Store) Load(ctx context.Context) (List, error) {
	out, err := s.API.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(s.Name)})
	var missing *types.ParameterNotFound
	switch {
	case errors.As(err, &missing):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the deployments recorded in %s: %w", s.Name, err)
	}
	h, err := Parse(aws.ToString(out.Parameter.Value))
	if err != nil {
		return nil, fmt.Errorf("read the deployments recorded in %s: %w", s.Name, err)
	}
	return h, nil
}

// Parse reads a history's JSON.
func Parse(text string) (List, error) {
	var h List
	if err := json.Unmarshal([]byte(text), &h); err != nil {
		return nil, fmt.Errorf("it is no list of deployments: %w", err)
	}
	return h, nil
}

// Save writes the history, leaving out the oldest entries that do not fit.
func (s Store) Save(ctx context.Context, h List) error {
	for n := min(len(h), keep); ; n-- {
		raw, err := json.Marshal(h[:n])
		if err != nil {
			return fmt.Errorf("record the deployments in %s: %w", s.Name, err)
		}
		if len(raw) > maxValue && n > 1 {
			continue
		}
		_, err = s.API.PutParameter(ctx, &ssm.PutParameterInput{
			Name: aws.String(s.Name), Value: aws.String(string(raw)), Type: types.ParameterTypeString, Overwrite: aws.Bool(true),
		})
		if err != nil {
			return fmt.Errorf("record the deployments in %s: %w", s.Name, err)
		}
		return nil
	}
}

// Forget removes the history. One that is not there is no error.
func (s Store) Forget(ctx context.Context) error {
	_, err := s.API.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: aws.String(s.Name)})
	var missing *types.ParameterNotFound
	if err != nil && !errors.As(err, &missing) {
		return fmt.Errorf("remove the deployments recorded in %s: %w", s.Name, err)
	}
	return nil
}
