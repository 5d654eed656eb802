keruen_fuzz(checkpoint_fuzz SOURCES checkpoint_fuzz.cc LINKS keruen::certs)
