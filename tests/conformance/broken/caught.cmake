# Runs eventbus-conformance on a broken plugin and fails unless it ends with 1 and lists the promise as broken.
#   cmake -DTOOL=FILE -DPLUGIN=FILE -DFILTER=TEXT -DPROMISE=TEXT [-DREASON=TEXT] [-DOTHERS=ON] -DREPORT=FILE -P
execute_process(
  COMMAND "${TOOL}" --plugin "${PLUGIN}" --filter "${FILTER}" --timeout 60 --json "${REPORT}"
  OUTPUT_VARIABLE said
  ERROR_VARIABLE said
  RESULT_VARIABLE code)
if(NOT code EQUAL 1)
  message(FATAL_ERROR "ended with '${code}' instead of 1:\n${said}")
endif()

file(READ "${REPORT}" report)
string(JSON count LENGTH "${report}" promises)
math(EXPR last "${count} - 1")
foreach(i RANGE ${last})
  string(JSON name GET "${report}" promises ${i} name)
  string(JSON verdict GET "${report}" promises ${i} verdict)
  string(JSON reason ERROR_VARIABLE none GET "${report}" promises ${i} reason)
  if(name STREQUAL PROMISE)
    set(found "${verdict}: ${reason}")
  elseif(verdict STREQUAL kept)
    set(one_kept TRUE)
  endif()
endforeach()
if(NOT found MATCHES "^broken: .*${REASON}")
  message(FATAL_ERROR "found '${found}' for the promise '${PROMISE}':\n${said}")
endif()
if(OTHERS AND NOT one_kept)
  message(FATAL_ERROR "no other promise was kept:\n${said}")
endif()
