foreach(codec frame batch header statement receipt key_record registry)
  keruen_fuzz(${codec}_fuzz SOURCES ${codec}_fuzz.cc LINKS keruen::wire)
endforeach()
