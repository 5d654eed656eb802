keruen_fuzz(certificate_fuzz SOURCES certificate_fuzz.cc LINKS keruen::certs)
