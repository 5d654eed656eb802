keruen_fuzz(proof_fuzz SOURCES proof_fuzz.cc LINKS keruen::log)
