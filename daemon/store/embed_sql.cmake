# Makes OUTPUT, a C file with every migration of FOLDER in order: cmake -DFOLDER= -DOUTPUT= -P embed_sql.cmake
# Numbers must run 0001, 0002, … without a gap, because the number is the schema version.
file(GLOB files ${FOLDER}/*.sql)
list(SORT files)
set(rows "")
set(expected 0)
foreach(file ${files})
  get_filename_component(name ${file} NAME)
  math(EXPR expected "${expected} + 1")
  string(REGEX MATCH "^[0-9][0-9][0-9][0-9]" number ${name})
  string(REGEX REPLACE "^0+" "" number "${number}")
  if(NOT number EQUAL expected)
    message(FATAL_ERROR "${name}: migrations must be numbered without a gap; expected ${expected}")
  endif()
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "static const char sql_${expected}[] = {${bytes}0};\n")
  string(APPEND rows "    { ${expected}, \"${name}\", sql_${expected} },\n")
endforeach()
file(WRITE ${OUTPUT} "/* Generated from schema/sql by daemon/store/embed_sql.cmake. */
#include \"daemon/store/migrate.h\"

${arrays}
const struct ifm_migration ifm_migrations[] = {
${rows}};
const size_t ifm_migration_count = ${expected};
")
