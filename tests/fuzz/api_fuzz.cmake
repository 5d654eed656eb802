foreach(target routes_fuzz session_fuzz)
  keruen_fuzz(${target} SOURCES ${target}.cc LINKS keruen::api keruen::test_exchange)
endforeach()
