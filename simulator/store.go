package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// saveEvery bounds what is lost when the process is killed; an orderly stop
// loses nothing.
const saveEvery = time.Second

func (s *Server) saveLoop() {
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop.Done():
			return
		case <-ticker.C:
			if err := s.save(); err != nil {
				s.log.Error("simulator state not saved", "error", err)
			}
		}
	}
}

// save writes the state if it changed, atomically. A delivery that ends between two
// saves is repeated after a crash, never lost.
func (s *Server) save() error {
	if s.config.DataFile == "" {
		return nil
	}
	s.mu.Lock()
	if !s.dirty {
		s.mu.Unlock()
		return nil
	}
	snapshot, err := s.queue.Snapshot()
	s.state.Webhooks = snapshot
	encoded, encodeErr := json.Marshal(s.state)
	s.dirty = false
	s.mu.Unlock()
	if err = errors.Join(err, encodeErr); err == nil {
		err = replaceFile(s.config.DataFile, encoded)
	}
	if err != nil {
		s.mu.Lock()
		s.dirty = true
		s.mu.Unlock()
		return fmt.Errorf("simulator: save state: %w", err)
	}
	return nil
}

func replaceFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(content)
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	return nil
}

// load reads the data file and rebuilds the indexes.
func (s *Server) load() error {
	if s.config.DataFile == "" {
		return nil
	}
	encoded, err := os.ReadFile(s.config.DataFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("simulator: load state: %w", err)
	}
	if err := json.Unmarshal(encoded, s.state); err != nil {
		return fmt.Errorf("simulator: load state: %s is not a simulator's data file: %w", s.config.DataFile, err)
	}
	for _, c := range s.state.Customers {
		s.indexCustomer(c)
	}
	for _, m := range s.state.Messages {
		s.indexMessage(m)
		s.arrivals = max(s.arrivals, m.Arrival)
	}
	for id, m := range s.state.Media {
		if m.Data, err = os.ReadFile(s.mediaFile(id)); err != nil {
			return fmt.Errorf("simulator: load media: %w", err)
		}
	}
	return nil
}

func (s *Server) mediaFile(id string) string {
	return filepath.Join(s.config.DataFile+".media", id)
}

// storeMedia writes media beside the data file before anything refers to it.
func (s *Server) storeMedia(id string, data []byte) error {
	if s.config.DataFile == "" {
		return nil
	}
	if err := replaceFile(s.mediaFile(id), data); err != nil {
		return fmt.Errorf("simulator: store media: %w", err)
	}
	return nil
}

func (s *Server) removeMedia(id string) error {
	if s.config.DataFile == "" {
		return nil
	}
	if err := os.Remove(s.mediaFile(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("simulator: remove media: %w", err)
	}
	return nil
}
