package tfstate

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// account keeps service-linked roles by service.
type account struct {
	there []string
	// refuse is the answer to making one.
	refuse error
}

func (a *account) ListRoles(_ context.Context, in *iam.ListRolesInput, _ ...func(*iam.Options)) (*iam.ListRolesOutput, error) {
	out := &iam.ListRolesOutput{}
	for _, service := range a.there {
		if path := "/aws-service-role/" + service + "/"; strings.HasPrefix(path, *in.PathPrefix) {
			out.Roles = append(out.Roles, iamtypes.Role{Path: &path})
		}
	}
	return out, nil
}

func (a *account) CreateServiceLinkedRole(_ context.Context, in *iam.CreateServiceLinkedRoleInput, _ ...func(*iam.Options)) (*iam.CreateServiceLinkedRoleOutput, error) {
	if a.refuse != nil {
		return nil, a.refuse
	}
	a.there = append(a.there, *in.AWSServiceName)
	return &iam.CreateServiceLinkedRoleOutput{}, nil
}

func TestLinkRoles(t *testing.T) {
	t.Parallel()
	a := &account{there: []string{"ecs.amazonaws.com"}}
	made, err := LinkRoles(t.Context(), a)
	if err != nil || slices.Contains(made, "ecs.amazonaws.com") || len(made) != len(linkedServices())-1 {
		t.Errorf("made %v, %v", made, err)
	}
	if made, err = LinkRoles(t.Context(), a); err != nil || len(made) != 0 {
		t.Errorf("the second time made %v, %v", made, err)
	}
	// Somebody else was faster.
	taken := &account{refuse: &iamtypes.InvalidInputException{Message: aws.String("Service role name AWSServiceRoleForECS has been taken in this account")}}
	if made, err = LinkRoles(t.Context(), taken); err != nil || len(made) != 0 {
		t.Errorf("made %v, %v", made, err)
	}
	denied := &account{refuse: errors.New("AccessDenied")}
	if _, err = LinkRoles(t.Context(), denied); err == nil || !strings.Contains(err.Error(), "aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com") {
		t.Errorf("error %v", err)
	}
}
