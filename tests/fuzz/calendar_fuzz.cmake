keruen_fuzz(calendar_fuzz SOURCES calendar_fuzz.cc LINKS keruen::forwarder)
