package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"dagger/sensor-backend/ecr"
	"dagger/sensor-backend/gates"
	"dagger/sensor-backend/imagecheck"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/sbom"
)

// The artefacts that a bill of materials can be made of.
const (
	artefactImage     = "image"
	artefactProcessor = "processor"
)

// maxImage is the most the API's image may weigh, compressed.
const maxImage = 20_000_000

// Sbom lists what an artefact is made of, as CycloneDX JSON with licences: of the API's image or of the processor's zip.
func (m *SensorBackend) Sbom(
	ctx context.Context,
	// Artefact: image or processor.
	// +default="image"
	of string,
) (*dagger.File, error) {
	const out = "sbom.cdx.json"
	ctr := reporting(goTool(syft)).
		WithEnvVariable("SYFT_CHECK_FOR_APP_UPDATE", "false").
		WithEnvVariable("SYFT_GOLANG_SEARCH_LOCAL_MOD_CACHE_LICENSES", "true").
		// The licences of the modules that are linked in lie in the module cache.
		WithDirectory("/services", m.Services.Filter(dagger.DirectoryFilterOpts{Include: []string{"go.mod", "go.sum"}})).
		WithWorkdir("/services").
		WithExec([]string{"go", "mod", "download"})
	switch of {
	case artefactImage:
		image, err := m.Build(ctx)
		if err != nil {
			return nil, err
		}
		ctr = ctr.WithFile("/artefact/image.tar", image.AsTarball()).
			WithExec([]string{"syft", "scan", "oci-archive:/artefact/image.tar", "--quiet", "--output=cyclonedx-json=" + outFile(out)})
	case artefactProcessor:
		arch, err := m.platformArchitecture(ctx)
		if err != nil {
			return nil, err
		}
		ctr = ctr.WithFile("/artefact/bootstrap", staticBinary(m.Services, "./cmd/processor", arch, "")).
			WithExec([]string{"syft", "scan", "file:/artefact/bootstrap", "--quiet", "--output=cyclonedx-json=" + outFile(out)})
	default:
		return nil, fmt.Errorf("unknown artefact %q: choose from %s, %s", of, artefactImage, artefactProcessor)
	}
	return ctr.File(outFile(out)), nil
}

// packages asks a vulnerability database about everything in the artefacts.
func (m *SensorBackend) packages(ctx context.Context, database *dagger.Directory) (seen, error) {
	base := reporting(goTool(grype)).WithEnvVariable("GRYPE_CHECK_FOR_APP_UPDATE", "false")
	if database != nil {
		base = base.
			WithDirectory("/root/.cache/grype/db", database).
			WithEnvVariable("GRYPE_DB_AUTO_UPDATE", "false").
			// Whoever gives a database answers for its age.
			WithEnvVariable("GRYPE_DB_VALIDATE_AGE", "false")
	} else {
		base = fresh(base) // the database is another one tomorrow
	}
	saw := seen{note: "grype of image and processor"}
	for _, of := range []string{artefactImage, artefactProcessor} {
		bill, err := m.Sbom(ctx, of)
		if err != nil {
			return saw, err
		}
		run := base.
			WithFile("/sbom.cdx.json", bill).
			WithExec([]string{"grype", "sbom:/sbom.cdx.json", "--output=sarif", "--file=" + outFile("packages.sarif")}, anyExit)
		if err := saw.read(ctx, run, "grype of the "+of, "packages.sarif"); err != nil {
			return saw, err
		}
	}
	return saw, nil
}

// licences objects to what the artefacts may not be made of.
func (m *SensorBackend) licences(ctx context.Context) (seen, error) {
	var saw seen
	known := 0
	for _, of := range []string{artefactImage, artefactProcessor} {
		text, err := m.billOf(ctx, of)
		if err != nil {
			return saw, err
		}
		bill, err := sbom.Parse(string(text))
		if err != nil {
			return saw, fmt.Errorf("list what the %s is made of: %w", of, err)
		}
		known += len(bill.Components)
		for _, objection := range bill.Judge(sbom.Permissive()) {
			saw.findings = append(saw.findings, gates.Finding{Rule: objection.Rule, Message: of + ": " + objection.Message})
		}
	}
	saw.note = fmt.Sprintf("%d components of image and processor", known)
	return saw, nil
}

// imageChecked judges the API's image by itself.
func (m *SensorBackend) imageChecked(ctx context.Context) (seen, error) {
	var saw seen
	image, err := m.Build(ctx)
	if err != nil {
		return saw, err
	}
	dir, err := os.MkdirTemp("", "image")
	if err != nil {
		return saw, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path, err := image.AsTarball().Export(ctx, filepath.Join(dir, "image.tar"))
	if err != nil {
		return saw, fmt.Errorf("build the image: %w", err)
	}
	img, err := ecr.Load(path, filepath.Join(dir, "layout"))
	if err != nil {
		return saw, err
	}
	facts, found, err := imagecheck.Check(img, imagecheck.Limits{MaxBytes: maxImage})
	saw.note, saw.findings = facts.String(), found
	return saw, err
}
