package warehouse

// SpeakRedshift makes w use the statements meant for Redshift, all of which
// PostgreSQL understands too.
func (w *Warehouse) SpeakRedshift() { w.redshift.Store(true) }
