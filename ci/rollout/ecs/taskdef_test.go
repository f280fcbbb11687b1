package ecs

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// TestRegistrableCopiesEveryField fails when the SDK gains a field that can be
// registered and is not copied: a new revision would lose it without a word.
func TestRegistrableCopiesEveryField(t *testing.T) {
	t.Parallel()
	var td types.TaskDefinition
	from, to := reflect.ValueOf(&td).Elem(), reflect.TypeFor[ecs.RegisterTaskDefinitionInput]()
	for i := range to.NumField() {
		if f := from.FieldByName(to.Field(i).Name); f.IsValid() && f.CanSet() {
			fill(f)
		}
	}
	tags := []types.Tag{{Key: aws.String("team"), Value: aws.String("sensors")}, {Key: aws.String("AWS:set"), Value: aws.String("by aws")}}
	in := registrable(td, tags)
	got := reflect.ValueOf(in).Elem()
	for i := range to.NumField() {
		name := to.Field(i).Name
		switch f := from.FieldByName(name); {
		case name == "noSmithyDocumentSerde":
		case name == "Tags":
			if len(in.Tags) != 1 || *in.Tags[0].Key != "team" {
				t.Errorf("tags %v, want team alone", in.Tags)
			}
		case !f.IsValid():
			t.Errorf("RegisterTaskDefinitionInput.%s has no counterpart in TaskDefinition: decide where it comes from", name)
		case !reflect.DeepEqual(f.Interface(), got.FieldByName(name).Interface()):
			t.Errorf("%s is not copied", name)
		}
	}
}

// TestTaskDefinitionFieldsAreKnown fails when a described task definition gains
// a field: it is either registered or known to be ECS's own.
func TestTaskDefinitionFieldsAreKnown(t *testing.T) {
	t.Parallel()
	ownedByECS := []string{
		"TaskDefinitionArn", "Revision", "Status", "RequiresAttributes", "Compatibilities",
		"RegisteredAt", "RegisteredBy", "DeregisteredAt", "DeleteRequestedAt", "noSmithyDocumentSerde",
	}
	from, to := reflect.TypeFor[types.TaskDefinition](), reflect.TypeFor[ecs.RegisterTaskDefinitionInput]()
	for i := range from.NumField() {
		name := from.Field(i).Name
		if _, ok := to.FieldByName(name); !ok && !slices.Contains(ownedByECS, name) {
			t.Errorf("TaskDefinition.%s is new: register it, or say that it is ECS's own", name)
		}
	}
}

// fill sets a value to something other than its zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() && v.Field(i).Kind() == reflect.String {
				fill(v.Field(i))
			}
		}
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32, reflect.Int64:
		v.SetInt(7)
	default:
	}
}

func TestSameIgnoresWhatHasNoMeaning(t *testing.T) {
	t.Parallel()
	base := func() *ecs.RegisterTaskDefinitionInput {
		return &ecs.RegisterTaskDefinitionInput{
			Family: aws.String("api"), Cpu: aws.String("256"),
			ContainerDefinitions: []types.ContainerDefinition{{
				Name: aws.String("api"), Image: aws.String("a"), Command: []string{"x", "y"},
				Environment: []types.KeyValuePair{{Name: aws.String("A"), Value: aws.String("1")}, {Name: aws.String("B"), Value: aws.String("")}},
			}},
		}
	}
	for _, c := range []struct {
		name   string
		change func(*ecs.RegisterTaskDefinitionInput)
		same   bool
	}{
		{"nothing", func(*ecs.RegisterTaskDefinitionInput) {}, true},
		{"empty lists", func(in *ecs.RegisterTaskDefinitionInput) {
			in.Volumes = []types.Volume{}
			in.ContainerDefinitions[0].Links = []string{}
		}, true},
		{"order of the environment", func(in *ecs.RegisterTaskDefinitionInput) { slices.Reverse(in.ContainerDefinitions[0].Environment) }, true},
		{"order of the command", func(in *ecs.RegisterTaskDefinitionInput) { slices.Reverse(in.ContainerDefinitions[0].Command) }, false},
		{"an empty variable gone", func(in *ecs.RegisterTaskDefinitionInput) {
			in.ContainerDefinitions[0].Environment = in.ContainerDefinitions[0].Environment[:1]
		}, false},
		{"image", func(in *ecs.RegisterTaskDefinitionInput) { in.ContainerDefinitions[0].Image = aws.String("b") }, false},
	} {
		changed := base()
		c.change(changed)
		got, err := same(base(), changed)
		if err != nil || got != c.same {
			t.Errorf("%s: same is %v (%v), want %v", c.name, got, err, c.same)
		}
	}
}

func TestWithImageNamesTheContainersThereAre(t *testing.T) {
	t.Parallel()
	in := &ecs.RegisterTaskDefinitionInput{Family: aws.String("api"), ContainerDefinitions: []types.ContainerDefinition{{Name: aws.String("web")}, {Name: aws.String("sidecar")}}}
	err := withImage(in, "api", "x")
	if err == nil || !strings.Contains(err.Error(), "web, sidecar") {
		t.Errorf("error %v does not name the containers", err)
	}
}
