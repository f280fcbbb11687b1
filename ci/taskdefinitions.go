package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// deleteBatch is how many task definitions one DeleteTaskDefinitions takes.
const deleteBatch = 10

// removeTaskDefinitions deregisters and deletes every revision of a family:
// Terraform leaves them for rollbacks, of which there are none any more.
func removeTaskDefinitions(ctx context.Context, c *cloud, family string) error {
	client := ecs.NewFromConfig(c.config)
	var all []string
	pages := ecs.NewListTaskDefinitionsPaginator(client, &ecs.ListTaskDefinitionsInput{
		FamilyPrefix: &family, Status: ecstypes.TaskDefinitionStatusActive,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list the task definitions of %s: %w", family, err)
		}
		all = append(all, page.TaskDefinitionArns...)
	}
	for _, arn := range all {
		if _, err := client.DeregisterTaskDefinition(ctx, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: aws.String(arn)}); err != nil {
			return fmt.Errorf("deregister %s: %w", arn, err)
		}
	}
	if c.emulator != nil {
		return nil // it does not know DeleteTaskDefinitions
	}
	for batch := range slices.Chunk(all, deleteBatch) {
		if _, err := client.DeleteTaskDefinitions(ctx, &ecs.DeleteTaskDefinitionsInput{TaskDefinitions: batch}); err != nil {
			return fmt.Errorf("delete the task definitions of %s: %w", family, err)
		}
	}
	return nil
}
