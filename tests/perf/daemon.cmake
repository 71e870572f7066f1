# Figures of the daemon: durable runs a second, and the list of the newest of a million runs at a fixed rate.
if(TARGET inferometerd)
  ifm_add_test(NAME ingest_bench LABEL perf SOURCES ingest_bench.c daemon_client.c LIBS ifm_core TIMEOUT 120)
  add_executable(list_bench list_bench.c daemon_client.c)
  target_link_libraries(list_bench PRIVATE ifm_core m)
  set_target_properties(list_bench PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  ifm_add_script(NAME list_bench LABEL perf TIMEOUT 900
    COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/list_bench.py)
endif()
