keruen_fuzz(enrolment_fuzz SOURCES enrolment_fuzz.cc LINKS keruen::authority)
