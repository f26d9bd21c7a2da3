-- ARGV[5], if there: the stream may end with any group.
local group = tonumber(ARGV[3])
if ARGV[5] then
  group = last()
end
if not ends_with(group) then
  return behind()
end
renew()
return {'OK'}
