keruen_fuzz(content_fuzz SOURCES content_fuzz.cc LINKS keruen::content)
keruen_fuzz(content_json_fuzz SOURCES content_json_fuzz.cc LINKS keruen::content)
