-- ARGV: most holds to end. Gives the units of those that are due back.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZRANGEBYSCORE', 'due', '-inf', now, 'LIMIT', 0, ARGV[1])
for _, number in ipairs(due) do
    local order = redis.call('GET', 'o:' .. number)
    for sku, units in string.gmatch(order, '(%d+) (%d+)') do
        redis.call('HINCRBY', 'held', sku, -units)
        redis.call('HINCRBY', 'free', sku, units)
    end
    redis.call('SET', 'o:' .. number, 'E' .. string.sub(order, 2))
    redis.call('ZREM', 'due', number)
end
return redis.status_reply('OK')
