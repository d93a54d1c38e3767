-- One receipt or delivery whole, and the totals. Nothing here changes anything.

local show = {}

function ops.has_receipt()
    return redis.call('EXISTS', key('r', A.id))
end

function ops.has_delivery()
    return redis.call('EXISTS', key('d', A.id))
end

-- When a delivery is due, as text: empty where something of its lane goes before it.
function show.due(row)
    if row.state ~= 'pending' then return '' end
    if row.lane then
        local head = redis.call('ZRANGE', scoped('lane', row.to, row.lane), 0, 0)[1]
        if head ~= mark(row.n, row.id) then return '' end
    end
    return told(num(row.due))
end

-- A table as fields and values.
function show.fields(row)
    local flat = {}
    for field, value in pairs(row) do
        flat[#flat + 1] = field
        flat[#flat + 1] = value
    end
    return flat
end

-- The line of a delivery: its fields, and when it is due. Nil if there is none.
function show.line(id)
    local row = delivery_row(id)
    return row and {show.fields(row), show.due(row)}
end

-- A receipt: its fields, what it came with, the outcome in place of the first one, its deliveries as id, partition and number, and the places that it
-- holds, each with its number. Empty if there is none.
function ops.receipt()
    local flat = redis.call('HGETALL', key('r', A.id))
    if #flat == 0 then return '' end
    local goods, outcome = unpack(redis.call('MGET', key('rb', A.id), key('ro', A.id)))
    local own, deliveries, held = {}, {}, {}
    for i = 1, #flat, 2 do
        local kind, id = string.match(flat[i], '^([de]):(.*)$')
        if not kind then
            own[#own + 1] = flat[i]
            own[#own + 1] = flat[i + 1]
        elseif kind == 'd' then
            local part, _, n = unpack(cmsgpack.unpack(flat[i + 1]))
            deliveries[#deliveries + 1] = {id, part, int(n)}
        end
    end
    local places = redis.call('HGETALL', key('rh', A.id))
    for i = 1, #places, 2 do
        held[#held + 1] = {places[i], int(cmsgpack.unpack(places[i + 1])[2])}
    end
    return {own, goods, outcome or '', deliveries, held}
end

-- Of these deliveries those that are here: their fields and what they carry.
function ops.contents()
    local found = {}
    for _, id in ipairs(A.ids) do
        local row = delivery_row(id)
        if row then found[#found + 1] = {show.fields(row), redis.call('GET', key('db', id))} end
    end
    return found
end

-- A delivery: its line, what it carries, its attempts. Empty if there is none.
function ops.delivery()
    local line = show.line(A.id)
    if not line then return '' end
    return {line, redis.call('GET', key('db', A.id)), redis.call('LRANGE', key('da', A.id), 0, -1)}
end

function ops.ledger()
    local lines, accepted, over = {}, 0, 0
    for line, count in pairs(hash(key('ledger')) or {}) do
        if is_accepted(line) then
            accepted = accepted + num(count)
        else
            over = over + num(count)
            lines[#lines + 1] = line
            lines[#lines + 1] = count
        end
    end
    lines[#lines + 1] = 'accepted'
    lines[#lines + 1] = int(accepted)
    lines[#lines + 1] = 'pending'
    lines[#lines + 1] = int(accepted - over)
    return lines
end

-- How many deliveries are pending, by destination.
function ops.backlog()
    local lines = {}
    for _, destination in ipairs(redis.call('SMEMBERS', key('destinations'))) do
        lines[#lines + 1] = destination
        lines[#lines + 1] = redis.call('ZCARD', key('waiting', destination))
    end
    return lines
end

-- How many receipts wait for lookups, how many batches are open, and how many events wait in them.
function ops.waiting()
    local deferred, open = redis.call('ZCARD', key('deferrals')), redis.call('ZCARD', key('open'))
    return {deferred, open, redis.call('HLEN', key('waits'))}
end
