keruen_fuzz(opener_fuzz SOURCES opener_fuzz.cc LINKS keruen::certs)
