if(TARGET inferometerd)
  foreach(name http writes start durability load)
    ifm_add_script(NAME daemon_${name} LABEL integration TIMEOUT 300
                   COMMAND /usr/bin/python3 ${CMAKE_CURRENT_LIST_DIR}/daemon_${name}_test.py)
  endforeach()
endif()
