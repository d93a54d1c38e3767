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

-- The line of a delivery: its fields, and when it is due. Nil if there is none.
function show.line(id)
    local flat = redis.call('HGETALL', key('d', id))
    if #flat == 0 then return nil end
    local row = {}
    for i = 1, #flat, 2 do row[flat[i]] = flat[i + 1] end
    return {flat, show.due(row)}
end

-- A receipt: its fields, its blobs, its deliveries as id, partition and number, and the places that it
-- holds, each with its number. Empty if there is none.
function ops.receipt()
    local flat = redis.call('HGETALL', key('r', A.id))
    if #flat == 0 then return '' end
    local blobs = redis.call('HMGET', key('rb', A.id), 'content', 'body', 'outcome')
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
    return {own, blobs[1], blobs[2], blobs[3], deliveries, held}
end

-- Of these deliveries those that are here: their fields and their blobs.
function ops.contents()
    local found = {}
    for _, id in ipairs(A.ids) do
        local flat = redis.call('HGETALL', key('d', id))
        if #flat > 0 then
            local blobs = redis.call('HMGET', key('db', id), 'content', 'body')
            found[#found + 1] = {flat, blobs[1], blobs[2]}
        end
    end
    return found
end

-- A delivery: its line, its blobs, its attempts. Empty if there is none.
function ops.delivery()
    local line = show.line(A.id)
    if not line then return '' end
    local blobs = redis.call('HMGET', key('db', A.id), 'content', 'body')
    return {line, blobs[1], blobs[2], redis.call('LRANGE', key('da', A.id), 0, -1)}
end

function ops.ledger()
    local flat = redis.call('HGETALL', key('ledger'))
    local pending = 0
    for i = 1, #flat, 2 do
        local count = num(flat[i + 1])
        pending = pending + (flat[i] == 'accepted' and count or -count)
    end
    flat[#flat + 1] = 'pending'
    flat[#flat + 1] = int(pending)
    return flat
end

function ops.backlog()
    return redis.call('HGETALL', key('backlog'))
end

-- How many receipts wait for lookups, how many batches are open, and how many events wait in them.
function ops.waiting()
    local deferred, open = redis.call('ZCARD', key('deferrals')), redis.call('ZCARD', key('open'))
    return {deferred, open, redis.call('HLEN', key('waits'))}
end
