package files

// WriteFile writes a file whole: aside, synced, renamed, the folder synced. Where it fails the old file, if any, stands as it was.
func WriteFile(f FS, name string, data []byte) error {
	a, err := WriteAside(f, name)
	if err != nil {
		return err
	}
	if _, err := a.Write(data); err != nil {
		_ = a.Abort() // the error of the write is the one to tell
		return err
	}
	return a.Commit()
}
