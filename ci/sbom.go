package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"dagger/sensor-backend/ecr"
	"dagger/sensor-backend/gates"
	"dagger/sensor-backend/gates/imagecheck"
	"dagger/sensor-backend/gates/licences"
	"dagger/sensor-backend/internal/dagger"
	"dagger/sensor-backend/text"
)

// The artefacts that a bill of materials can be made of.
const (
	artefactImage     = "image"
	artefactProcessor = "processor"
)

// maxImage is the most the API's image may weigh, compressed.
const maxImage = 20_000_000

// Sbom lists what an artefact is made of, as CycloneDX JSON with licences.
//
// The artefact is the API's image or the processor's zip.
func (m *SensorBackend) Sbom(
	ctx context.Context,
	// Artefact: image or processor.
	// +default="image"
	of string,
) (*dagger.File, error) {
	const out = "sbom.cdx.json"
	ctr := withReportDir(goTool(syft)).
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
			WithExec([]string{"syft", "scan", "oci-archive:/artefact/image.tar", "--quiet", "--output=cyclonedx-json=" + reportFile(out)})
	case artefactProcessor:
		processor, err := m.processor(ctx)
		if err != nil {
			return nil, err
		}
		ctr = ctr.WithFile("/artefact/bootstrap", processor.binary()).
			WithExec([]string{"syft", "scan", "file:/artefact/bootstrap", "--quiet", "--output=cyclonedx-json=" + reportFile(out)})
	default:
		return nil, text.Unknown("artefact", of, []string{artefactImage, artefactProcessor}, "--of")
	}
	return ctr.File(reportFile(out)), nil
}

// packages asks a vulnerability database about everything in the artefacts.
func (m *SensorBackend) packages(ctx context.Context, database *dagger.Directory) (gateResult, error) {
	base := withReportDir(goTool(grype)).WithEnvVariable("GRYPE_CHECK_FOR_APP_UPDATE", "false")
	if database != nil {
		base = base.
			WithDirectory("/root/.cache/grype/db", database).
			WithEnvVariable("GRYPE_DB_AUTO_UPDATE", "false").
			// Whoever gives a database answers for its age.
			WithEnvVariable("GRYPE_DB_VALIDATE_AGE", "false")
	} else {
		base = fresh(base) // the database is another one tomorrow
	}
	result := gateResult{note: "grype of image and processor"}
	for _, of := range []string{artefactImage, artefactProcessor} {
		bill, err := m.Sbom(ctx, of)
		if err != nil {
			return result, err
		}
		run := base.
			WithFile("/sbom.cdx.json", bill).
			WithExec([]string{"grype", "sbom:/sbom.cdx.json", "--output=sarif", "--file=" + reportFile("packages.sarif")}, anyExit)
		if err := result.read(ctx, run, gates.Source{Name: gatePackages + "/" + of}, "grype of the "+of, "packages.sarif"); err != nil {
			return result, err
		}
	}
	return result, nil
}

// licences objects to what the artefacts may not be made of.
func (m *SensorBackend) licences(ctx context.Context) (gateResult, error) {
	var result gateResult
	known := 0
	for _, of := range []string{artefactImage, artefactProcessor} {
		text, err := m.billOf(ctx, of)
		if err != nil {
			return result, err
		}
		bill, err := licences.Parse(string(text))
		if err != nil {
			return result, fmt.Errorf("list what the %s is made of: %w", of, err)
		}
		known += len(bill.Components)
		for _, objection := range bill.Judge(licences.Permissive()) {
			result.findings = append(result.findings, gates.Finding{Rule: objection.Rule, Message: of + ": " + objection.Message})
		}
	}
	result.note = fmt.Sprintf("%d components of image and processor", known)
	return result, nil
}

// checkImage judges the API's image by itself.
func (m *SensorBackend) checkImage(ctx context.Context) (gateResult, error) {
	var result gateResult
	image, err := m.Build(ctx)
	if err != nil {
		return result, err
	}
	dir, err := os.MkdirTemp("", "image")
	if err != nil {
		return result, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path, err := image.AsTarball().Export(ctx, filepath.Join(dir, "image.tar"))
	if err != nil {
		return result, fmt.Errorf("build the image: %w", err)
	}
	img, err := ecr.Load(path, filepath.Join(dir, "layout"))
	if err != nil {
		return result, err
	}
	facts, found, err := imagecheck.Check(img, imagecheck.Limits{MaxBytes: maxImage})
	result.note, result.findings = facts.String(), found
	return result, err
}

// billOf is an artefact's bill of materials, CycloneDX JSON.
func (m *SensorBackend) billOf(ctx context.Context, of string) ([]byte, error) {
	file, err := m.Sbom(ctx, of)
	if err != nil {
		return nil, err
	}
	text, err := file.Contents(ctx)
	if err != nil {
		return nil, fmt.Errorf("list what the %s is made of: %w", of, err)
	}
	return []byte(text), nil
}
